#!/usr/bin/env bash
# uvicorn 0.54.0 with httptools 0.9.0: a streamed answer to an HTTP/1.0 request is sent chunked; with h11 it is not.
#
# RFC 9112, section 6.1: a server must not send Transfer-Encoding unless the request was HTTP/1.1. Which parser uvicorn uses
# depends on whether httptools is installed, so the same command answers the same request in two ways. A client that
# knows only HTTP/1.0 (ab, old proxies, many health checks) takes the chunk sizes for the page. The two parsers also
# differ in methods: one that httptools does not know is 400, h11 passes any method on.
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
packages uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0
cat >app.py <<'PY'
async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})
PY
chunked() { ask 'GET / HTTP/1.0\r\nHost: h\r\n\r\n' | grep -ci '^transfer-encoding: chunked' || true; }
unknown() { ask 'SHUFFLE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | head -1 | cut -d' ' -f2; }
for parser in httptools h11; do
    free_port
    serve uvicorn --lifespan off --http "$parser" --host 127.0.0.1 --port "$port" app:application
    if [ "$parser" = httptools ]; then chunks=1 status=400; else chunks=0 status=200; fi
    same "uvicorn 0.54.0, $parser: chunked for HTTP/1.0" "$(chunked)" "$chunks"
    same "uvicorn 0.54.0, $parser: status of a method of one's own" "$(unknown)" "$status"
    stop_server
done
