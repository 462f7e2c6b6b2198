#!/usr/bin/env bash
# uWSGI 2.0.31: the routing action "gzip:" compresses for clients that did not ask for it, and keeps the Content-Length of before.
#
# A request without Accept-Encoding gets Content-Encoding: gzip all the same, so the rule needs a condition of the site's own
# (route-if = contains:${HTTP_ACCEPT_ENCODING};gzip gzip:). The head still has the length that the application gave: 4,000 bytes
# are promised where some dozens come, and a client of a kept connection waits for the rest. Only answers without a Content-Length
# are whole.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31
cat >app.py <<'PY'
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4000")])
    return [b"0123456789" * 400]
PY
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file app.py --need-app --route-run gzip:
ask 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' >answer
head=$(python3 -c '
head, body = open("answer", "rb").read().split(b"\r\n\r\n", 1)
names = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
print(names[b"Content-Encoding"].decode(), names[b"Content-Length"].decode(), body[:2] == b"\x1f\x8b", len(body) < 4000)')
same "uWSGI 2.0.31, an answer without being asked for gzip: encoding, length, compressed, shorter than it says" "$head" "gzip 4000 True True"
