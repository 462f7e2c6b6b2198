#!/usr/bin/env bash
# uWSGI 2.0.31: with `module` and `wsgi-file` in one configuration only `module` is loaded; the file is never opened.
#
# Neither the order in the file nor the rule "the last one wins" decides: the module takes the mount point, the file is
# passed over with a line on the log, and a file that does not even exist does no harm. When the module does not load,
# the file serves in its place. 12 of 317 public configurations have both.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
app() {
    printf 'def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"%s"]\n' "$1"
}
app "from the module" >named.py
app "from the file" >other.py
seen() { ask 'GET / HTTP/1.0\r\n\r\n' | tail -1; }
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --module named --wsgi-file other.py
same "module first" "$(seen)" "from the module"
stop_server
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file other.py --module named
same "file first" "$(seen)" "from the module"
stop_server
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --module named --wsgi-file not-there.py
same "a file that does not exist" "$(seen)" "from the module"
stop_server
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --module no_such_module --wsgi-file other.py
same "a module that does not exist" "$(seen)" "from the file"
