#!/usr/bin/env bash
# granian 2.8.9 (WSGI): wsgi.input.read(-1) raises OverflowError, and readline(n) ignores n and reads the whole line.
#
# PEP 3333 takes the semantics of Python's file objects. read(-1) is what shutil and email readers call; readline(n)
# is how multipart parsers keep a bound on a line (the reason why PEP 3333 has the argument at all). gunicorn 27.0.1
# and waitress 3.0.2 do both.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages granian==2.8.9 gunicorn==27.0.1 waitress==3.0.2
cat >app.py <<'PY'
def application(environ, start_response):
    body = environ["wsgi.input"]
    line = body.readline(3)
    try:
        rest = body.read(-1)
    except Exception as error:
        rest = type(error).__name__
    out = repr((line, rest)).encode()
    start_response("200 OK", [("Content-Length", str(len(out)))])
    return [out]
PY
seen() {
    ask 'POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 12\r\n\r\nabcdef\nghij\n' | tail -1
}
free_port
serve granian --interface wsgi --host 127.0.0.1 --port "$port" app:application
same "granian 2.8.9, readline(3), read(-1)" "$(seen)" "(b'abcdef\\n', 'OverflowError')"
stop_server
free_port
serve gunicorn -b "127.0.0.1:$port" app:application
same "gunicorn 27.0.1" "$(seen)" "(b'abc', b'def\\nghij\\n')"
stop_server
free_port
serve waitress-serve "--listen=127.0.0.1:$port" app:application
same "waitress 3.0.2" "$(seen)" "(b'abc', b'def\\nghij\\n')"
