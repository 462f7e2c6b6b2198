#!/usr/bin/env bash
# uWSGI 2.0.31: uwsgi.spool takes a value of 70000 bytes, and the task's function gets its first 4464.
#
# The length field of a pair has 16 bits. The call returns the name of the file as if all were well; `body` has no limit.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
mkdir -p tasks
cat >app.py <<'PY'
import os
import uwsgi

RAN = os.path.abspath("ran")

def task(env):
    with open(RAN, "a") as ran:
        ran.write("%d\n" % len(env[b"value"]))
    return uwsgi.SPOOL_OK

uwsgi.spooler = task

def application(environ, start_response):
    start_response("200 OK", [])
    return [type(uwsgi.spool({b"value": b"x" * 70000})).__name__.encode()]
PY
free_port
serve uwsgi --master --http-socket "127.0.0.1:$port" --wsgi-file app.py --spooler tasks
ask 'GET / HTTP/1.0\r\n\r\n' >answer
same "the call returns" "$(tail -1 answer)" "bytes"
for _ in $(seq 100); do [ -s ran ] && break; sleep 0.1; done
same "length that the function sees" "$(cat ran)" "4464"
