#!/usr/bin/env bash
# uWSGI 2.0.31: an Emperor with two folders runs one of two files that have the same name, and never says so.
#
# A vassal is known by the name of its file alone. `--emperor one --emperor two` with one/site.ini and two/site.ini starts the
# first; when the second is the newer one, the first is told to reload, once. The site of the second is never there. With a
# pattern (`--emperor 'glob://*/site.ini'`) a vassal is known by its path, and both run.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
for folder in one two; do
    mkdir "$folder"
    printf '[uwsgi]\nmaster = true\nneed-app = false\nsocket = %s/%s.sock\n' "$work" "$folder" >"$folder/site.ini"
done
touch -d 2020-01-01 one/site.ini
# sockets ARGUMENTS...: what an Emperor with these has made after ten seconds (it scans each three)
sockets() {
    rm -f ./*.sock
    setsid uwsgi "$@" >server.log 2>&1 &
    server=$!
    sleep 10
    (shopt -s nullglob && echo ./*.sock)
    { kill -INT "$server" && sleep 3; } 2>/dev/null || true
    stop_server
}
same "two folders" "$(sockets --emperor "$work/one" --emperor "$work/two")" ./one.sock
same "words about the second file" "$(grep -c 'two' server.log || true)" 0
same "told to reload" "$(grep -c 'reload the uwsgi instance site.ini' server.log)" 1
same "a pattern" "$(sockets --emperor "glob://$work/*/site.ini")" "./one.sock ./two.sock"
