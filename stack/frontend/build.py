"""Builds the page: every asset carries the hash of its content in its name, as a bundler would do it."""

import hashlib
import shutil
import struct
import zlib
from pathlib import Path

STYLE = """:root { color-scheme: light dark; font-family: "Motel", system-ui, sans-serif; }
@font-face { font-family: "Motel"; src: url("/assets/%(font)s") format("woff2"); font-display: swap; }
body { margin: 2rem auto; max-width: 40rem; padding: 0 1rem; }
header { display: flex; gap: 1rem; align-items: center; }
#offline { background: #b3261e; color: white; padding: .25rem .75rem; border-radius: 1rem; }
#offline[hidden] { display: none; }
li { padding: .2rem 0; }
"""

SCRIPT = """import { connect } from "./%(realtime)s";

const list = document.querySelector("#suites");
const form = document.querySelector("#login");

async function show(token) {
  const answer = await fetch("/api/suites", { headers: { Authorization: `Bearer ${token}` } });
  if (!answer.ok) return;
  for (const suite of await answer.json()) {
    const item = document.createElement("li");
    item.textContent = `${suite.name}: ${suite.open_tasks} open tasks`;
    list.append(item);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const answer = await fetch("/api/auth/login", { method: "POST", body });
  if (!answer.ok) return;
  const { token } = await answer.json();
  form.hidden = true;
  show(token);
  connect(token, document.querySelector("#offline"));
});
"""

REALTIME = """export function connect(token, offline) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/realtime?token=${encodeURIComponent(token)}`);
  socket.addEventListener("open", () => { offline.hidden = true; socket.send('{"type":"hello"}'); });
  socket.addEventListener("close", () => { offline.hidden = false; setTimeout(connect, 2000, token, offline); });
}
"""

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32">
<rect x="4" y="6" width="24" height="20" rx="3" fill="#25636b"/>
<path d="M8 22V10l8 7 8-7v12" stroke="#fff" fill="none" stroke-width="3"/>
</svg>
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Motel: suites</title>
<link rel="icon" href="/favicon.ico">
<link rel="icon" type="image/svg+xml" href="/assets/%(logo)s">
<link rel="apple-touch-icon" href="/assets/%(touch)s">
<link rel="preload" as="font" type="font/woff2" href="/assets/%(font)s" crossorigin>
<link rel="stylesheet" href="/assets/%(style)s">
<link rel="modulepreload" href="/assets/%(realtime)s">
<script type="module" src="/assets/%(app)s"></script>
</head>
<body>
<header>
<img src="/assets/%(logo)s" alt="Motel" width="32" height="32">
<h1>Motel</h1>
<span id="offline" role="status" hidden>Offline</span>
</header>
<main>
<form id="login">
<input name="username" autocomplete="username" aria-label="Account" required>
<input name="password" type="password" autocomplete="current-password" aria-label="Password" required>
<button>Log in</button>
</form>
<ul id="suites"></ul>
</main>
</body>
</html>
"""


def build(folder: Path) -> None:
    """Replace the folder by a fresh build."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "assets").mkdir(parents=True)
    names: dict[str, str] = {}

    def asset(key: str, name: str, content: bytes) -> None:
        stem, ending = name.rsplit(".", 1)
        names[key] = f"{stem}.{hashlib.sha256(content).hexdigest()[:8]}.{ending}"
        (folder / "assets" / names[key]).write_bytes(content)

    icon = _png(32)
    asset("logo", "logo.svg", LOGO.encode())
    asset("touch", "touch.png", _png(180))
    asset("font", "motel.woff2", _font())
    asset("style", "style.css", (STYLE % names).encode())
    asset("realtime", "realtime.js", REALTIME.encode())
    asset("app", "app.js", (SCRIPT % names).encode())
    head = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(icon), 22)
    (folder / "favicon.ico").write_bytes(head + icon)
    (folder / "index.html").write_text(PAGE % names)


def _png(side: int) -> bytes:
    """A square of one colour."""
    rows = (b"\0" + b"\x25\x63\x6b" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _font() -> bytes:
    """The head of a WOFF2 file and some filling: enough for whoever looks at its first bytes."""
    return b"wOF2" + struct.pack(">IIHHI", 0x00010000, 2048, 1, 0, 4096) + bytes(range(256)) * 8
