#!/usr/bin/env bash
# uWSGI 2.0.31 from PyPI: YAML is read line by line without a YAML library, so quotes are part of a value.
#
# The wheel's build has no libyaml. `key: "value"` gives a value with the quotes in it, and a value ends at the first #,
# also inside a word, where YAML wants a space before a comment. A build with libyaml, and every other reader, differs.
# Configuration made by a YAML library, which quotes what it has to, therefore means something else there.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31 PyYAML==6.0.2
cat >app.py <<'PY'
import uwsgi


def application(environ, start_response):
    start_response("200 OK", [])
    return [uwsgi.opt[environ["PATH_INFO"][1:]]]
PY
free_port
cat >site.yaml <<EOF
uwsgi:
  http-socket: 127.0.0.1:$port
  wsgi-file: app.py
  procname-prefix: "shop"
  set-ph: colour=red#1
EOF
serve uwsgi --yaml site.yaml
seen() { ask "GET /$1 HTTP/1.0\r\n\r\n" | tail -1; }
same "uWSGI, a quoted value" "$(seen procname-prefix)" '"shop"'
same "uWSGI, a value with # in it" "$(seen set-ph)" colour=red
read_by() { python -c 'import sys, yaml; print(yaml.safe_load(open("site.yaml"))["uwsgi"][sys.argv[1]])' "$1"; }
same "PyYAML, the quoted value" "$(read_by procname-prefix)" shop
same "PyYAML, the value with # in it" "$(read_by set-ph)" "colour=red#1"
