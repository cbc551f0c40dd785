"""An HTTP server on loopback that gives the answers that it was told to, and keeps what it was sent."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace


@contextlib.contextmanager
def answering(answers):
    """answers: path -> (status, body, content type); "/" is for every other path. Yields port, paths and bodies."""
    told = SimpleNamespace(port=0, paths=[], bodies=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            told.paths.append(self.path)
            told.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace"))
            status, body, *kind = answers.get(self.path.partition("?")[0], answers["/"])
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind[0] if kind else "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *words):
            """Not for a test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.port = server.server_port
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
