"""A listener that takes what monitoring libraries send, and keeps it: what Sentry, an agent or a collector would have got."""
import gzip
import http.server
import threading
import zlib


class Collector:
    def __init__(self):
        self.lock, self.seen = threading.Lock(), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer in one piece: the second one would wait for the peer's delayed acknowledgement of the first.
            wbufsize, disable_nagle_algorithm = -1, True

            def body(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    parts = []
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    raw = b"".join(parts)
                else:
                    raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                coding = self.headers.get("Content-Encoding", "")
                return gzip.decompress(raw) if coding == "gzip" else zlib.decompress(raw) if coding == "deflate" else raw

            def answer(self):
                body = self.body()
                with outer.lock:
                    outer.seen.append((self.path, body))
                said = outer.answers(self.path)
                self.send_response(202 if "/intake/" in self.path else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
                self.wfile.flush()

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A worker that ends resets its connection; what is lost is seen in what did not come."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def answers(path):
        # An agent of Datadog says what it takes; a collector of OTLP answers with an empty message.
        if path == "/info":
            return b'{"version":"7.60.0","endpoints":["/v0.4/traces"],"client_drop_p0s":false}'
        return b"" if path.startswith("/v1/") else b"{}"

    def bodies(self, start=""):
        """What came to paths that begin so."""
        with self.lock:
            return [body for path, body in self.seen if path.startswith(start)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
