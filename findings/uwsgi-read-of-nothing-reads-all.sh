#!/usr/bin/env bash
# uWSGI 2.0.31: wsgi.input.read(0) reads the whole body, and readline(n) ignores n.
#
# A file's read(0) is b"", and code that reads in pieces asks for min(wanted, left), which is 0 at its end or for an
# empty part. On uWSGI 0 stands for "no size": everything that is left comes at once, and a body of any size is in
# memory. gunicorn 27.0.1 and waitress 3.0.2 give b"". readline(n) returns the whole line, however long it is.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uwsgi==2.0.31 gunicorn==27.0.1 waitress==3.0.2
cat >app.py <<'PY'
def application(environ, start_response):
    body = environ["wsgi.input"]
    out = repr((body.readline(3), body.read(0))).encode()
    start_response("200 OK", [("Content-Length", str(len(out)))])
    return [out]
PY
seen() {
    ask 'POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 12\r\n\r\nabcdef\nghij\n' | tail -1
}
free_port
serve uwsgi --http-socket "127.0.0.1:$port" --wsgi-file app.py --need-app
same "uWSGI 2.0.31, readline(3), read(0)" "$(seen)" "(b'abcdef\\n', b'ghij\\n')"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "(b'abc', b'')"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "(b'abc', b'')"
