#!/usr/bin/env bash
# uWSGI 2.0.31: a graceful reload cuts the message that a mule works on, and loses those that wait in its queue.
#
# `mule_msg` has returned True for each of them. Workers finish their requests in the same reload; nothing is logged.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
cat >app.py <<'PY'
import time
import uwsgi

def told(message):
    with open("ran", "a") as ran:
        ran.write("begins %s\n" % message.decode())
    if message == b"first":
        time.sleep(2)
    with open("ran", "a") as ran:
        ran.write("ends %s\n" % message.decode())

uwsgi.mule_msg_hook = told

def application(environ, start_response):
    sent = [uwsgi.mule_msg(m, 1) for m in (b"first", b"second", b"third")]
    start_response("200 OK", [])
    return [str(sent).encode()]
PY
free_port
serve uwsgi --master --http-socket "127.0.0.1:$port" --wsgi-file app.py --mules 1 --pidfile pid
ask 'GET / HTTP/1.0\r\n\r\n' >answer
same "accepted" "$(tail -1 answer)" "[True, True, True]"
for _ in $(seq 100); do grep -q begins ran 2>/dev/null && break; sleep 0.1; done
uwsgi --reload pid
# Longer than all three take.
sleep 6
same "what ran" "$(tr '\n' ' ' <ran)" "begins first "
