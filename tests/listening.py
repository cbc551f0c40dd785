"""A server that writes down who called it: on loopback, with as many bad manners as a test asks for."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: dict
    body: str


@dataclass
class Listener:
    """Where it listens, and what it heard so far."""

    port: int
    calls: list[Call] = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def listening(status=200, headers=(), hangs=0.0, dribbles=False, garbage=False):
    """Answers every request so.

    hangs: seconds before it says anything. dribbles: a header every tenth of a second, without an end.
    garbage: what it says is no HTTP.
    """
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            listener.calls.append(Call(self.command, self.path, dict(self.headers), body))
            over.wait(hangs)
            if garbage:
                self.wfile.write(b"\x00\xff nonsense\r\n\r\n")
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.flush_headers()
            while dribbles and not over.is_set():
                self.wfile.write(b"X-Still-Here: yes\r\n")
                time.sleep(0.1)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            """A test reads what was called from `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    server.handle_error = lambda *_: None  # whoever was kept waiting has gone away
    listener = Listener(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield listener
    finally:
        over.set()
        server.shutdown()
        server.server_close()
