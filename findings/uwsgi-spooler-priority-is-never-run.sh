#!/usr/bin/env bash
# uWSGI 2.0.31: a task that is spooled with `priority` is never run unless spooler-ordered is set, and nothing says so.
#
# uwsgi.spool({b"spooler_task": ..., b"priority": b"3"}) writes the task below a folder 3 of the spool folder and returns its
# name as for any other task. Without spooler-ordered the spooler does not look into such folders: the task stays for
# ever, while one without a priority, spooled after it, runs at once. With spooler-ordered both run.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
cat >app.py <<'PY'
import os

import uwsgi


def spooler(task):
    with open(os.environ["DONE"], "ab") as done:
        done.write(task[b"name"] + b"\n")
    return uwsgi.SPOOL_OK


uwsgi.spooler = spooler


def application(environ, start_response):
    if environ["PATH_INFO"] == "/spool":
        uwsgi.spool({b"name": b"urgent", b"priority": b"3"})
        uwsgi.spool({b"name": b"plain"})
    start_response("200 OK", [])
    return [b"ok"]
PY
run() {
    rm -rf tasks done.txt
    mkdir tasks
    : >done.txt
    free_port
    DONE="$work/done.txt" serve uwsgi --http-socket "127.0.0.1:$port" --master --wsgi-file app.py --spooler tasks --spooler-frequency 1 "$@"
    ask 'GET /spool HTTP/1.0\r\n\r\n' >/dev/null
    # Until the plain task has run, and for three scans of the folder more.
    python3 - "$@" <<'PY'
import sys, time
end = time.monotonic() + 20
want = {"plain", "urgent"} if "--spooler-ordered" in sys.argv else {"plain"}
while not want <= set(open("done.txt").read().split()):
    if time.monotonic() > end:
        sys.exit("the tasks do not run")
    time.sleep(0.05)
if len(want) == 1:
    time.sleep(4)
PY
    sort done.txt | tr '\n' ' '
}
run >seen.txt
same "without spooler-ordered, tasks that ran" "$(cat seen.txt)" "plain "
same "without spooler-ordered, files left in tasks/3" "$(find tasks/3 -type f | wc -l)" 1
stop_server
run --spooler-ordered >seen.txt
same "with spooler-ordered, tasks that ran" "$(cat seen.txt)" "plain urgent "
