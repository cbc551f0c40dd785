"""A server that says back whatever it should keep to itself, in every spelling: health, headers, errors, page."""

import base64
import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus


def spelled(secret):
    """Name -> the secret as a program might write it."""
    raw = secret.encode()
    middle = len(secret) // 2
    return {
        "plain": secret,
        "base64": base64.b64encode(raw).decode(),
        "base64-inside": base64.b64encode(b"user:" + raw).decode(),
        "base64-url": base64.urlsafe_b64encode(b"ab" + raw).decode(),
        "quoted": quote(secret, safe=""),
        "quoted-plus": quote_plus(secret),
        "json": json.dumps(secret),
        "json-twice": json.dumps(json.dumps(secret)),
        "hex": raw.hex(),
        "hex-upper": raw.hex().upper(),
        "two-lines": f"{secret[:middle]}\n    {secret[middle:]}",
        "wrapped": f"{secret[:middle]}\\n{secret[middle:]}",
        "cut": "x" * 180 + " " + secret,
        "far": "x" * 110 + " " + secret,
        "repr": repr(secret),
    }


@contextlib.contextmanager
def evil(secrets):
    """Yields (port, what else was told to it: tokens and passwords that came in requests)."""
    heard = set()

    class Evil(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if bearer := self.headers.get("Authorization"):
                heard.add(bearer.removeprefix("Bearer "))
            path = self.path.partition("?")[0]
            if path == "/health":
                checks = {}
                for number, secret in enumerate(secrets):
                    for name, text in spelled(secret).items():
                        checks[f"{name}-{number}"] = {"status": "down", "message": text}
                checks["database"] = {"status": "down", "message": f"connect failed: {secrets[0]}"}
                self.answer(503, json.dumps({"status": f"down {secrets[0]}", "checks": checks}), "application/json")
            elif path == "/":
                tags = "".join(
                    f"<script src='/{quote(secret, safe='')}.js?k={quote(secret)}'></script>" for secret in secrets
                )
                images = "".join(f"<img src='/{quote_plus(secret)}.png'>" for secret in secrets)
                self.answer(
                    200,
                    f"<!doctype html><title>{secrets[0]}</title>{tags}{images}<p>hello, this is a page",
                    "text/html",
                )
            elif path == "/metrics":
                self.answer(200, f"garbage {secrets[0]} {{\n{secrets[-1]}\n", "text/plain")
            else:
                self.answer(500, " ".join(secrets), f"text/plain; leak={quote(secrets[0])}")

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            heard.update(value for value in json.loads(body).values() if isinstance(value, str))
            self.answer(500, f"Traceback: {body} {' '.join(secrets)}", "text/plain")

        def answer(self, status, body, kind):
            data = body.encode()
            self.send_response(status, quote(secrets[0]))
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Location", f"https://elsewhere.example/?token={quote(secrets[0])}")
            self.send_header("X-Leak", quote(secrets[0]))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words):
            """Not for a test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, heard
    finally:
        server.shutdown()
        server.server_close()
