"""The routes: health, metrics, login, suites and tasks, and the realtime socket."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import bcrypt
import prometheus_client
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from stack.backend import tokens
from stack.backend.database import Database, Unavailable
from stack.backend.settings import Settings

log = logging.getLogger("backend")

REQUESTS = prometheus_client.Counter("http_requests", "Requests answered", ["method", "path", "status"])
DURATION = prometheus_client.Histogram("http_request_duration_seconds", "Time to answer", ["method", "path"])
SOCKETS = prometheus_client.Gauge("websocket_connections", "Open realtime sockets")

NOBODY_KNOWS = bcrypt.hashpw(b"no such account", bcrypt.gensalt(10))  # an unknown account takes as long as a known one
PAGE_SIZE = 20

SUITES = """
SELECT s.id, s.name, s.floor, t.open_tasks
  FROM (SELECT id, name, floor FROM suites ORDER BY id LIMIT %s OFFSET %s) s
 CROSS JOIN LATERAL (SELECT count(*) AS open_tasks FROM tasks WHERE suite_id = s.id AND status = 'open') t
 ORDER BY s.id
"""
TASKS = """
SELECT t.id, t.title, t.status, to_char(t.due_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS due_at, u.username AS assignee
  FROM tasks t LEFT JOIN users u ON u.id = t.assignee_id
 WHERE t.suite_id = %s ORDER BY t.due_at, t.id LIMIT 50
"""
ACCOUNT = "SELECT username, password_hash FROM users WHERE username = %s"


def create(settings: Settings) -> Starlette:
    database = Database(settings)
    sockets: set[WebSocket] = set()

    async def health(request: Request) -> Response:
        checks = {"database": await _database_check(database), "memory": _memory_check(settings)}
        well = all(check["status"] == "ok" for check in checks.values())
        status = 200 if well else int(settings.health_error_status)
        return JSONResponse({"status": "ok" if well else "error", "checks": checks}, status)

    async def metrics(request: Request) -> Response:
        if settings.metrics_token and request.headers.get("authorization") != f"Bearer {settings.metrics_token}":
            return JSONResponse({"error": "the metrics need their own token"}, 401)
        return Response(prometheus_client.generate_latest(), media_type="text/plain; version=0.0.4")

    async def login(request: Request) -> Response:
        try:
            body = await request.json()
            name, password = body["username"], body["password"]
            given = password.encode()[:72]  # all that bcrypt looks at
            name.encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": "username and password are needed"}, 400)
        found = await database.rows(ACCOUNT, (name.replace("\0", ""),))
        stored = found[0]["password_hash"].encode() if found else NOBODY_KNOWS
        good = await asyncio.to_thread(_password_matches, given, stored)
        await asyncio.sleep(settings.login_seconds)
        if not (good and found):
            log.warning("login refused", extra={"account": name[:80]})
            return JSONResponse({"error": "Unauthorized"}, 401)
        log.info("login", extra={"account": name})
        return JSONResponse({"token": tokens.issue(settings, settings.token_subject or found[0]["username"])})

    async def suites(request: Request) -> Response:
        if refusal := _refusal(settings, request):
            return refusal
        page = _whole_number(request.query_params.get("page"), 1)
        return JSONResponse(await database.rows(SUITES, (PAGE_SIZE, (page - 1) * PAGE_SIZE)))

    async def tasks(request: Request) -> Response:
        if refusal := _refusal(settings, request):
            return refusal
        return JSONResponse(await database.rows(TASKS, (_whole_number(request.query_params.get("suite"), 1),)))

    async def plain_realtime(request: Request) -> Response:
        return JSONResponse({"error": "this address speaks WebSocket"}, 426, {"Upgrade": "websocket"})

    async def realtime(socket: WebSocket) -> None:
        origin = socket.headers.get("origin", "")
        if any(settings.websocket_origins) and origin not in settings.websocket_origins:
            await socket.send_denial_response(JSONResponse({"error": "origin not allowed"}, 403))
            return
        if len(sockets) >= settings.websocket_limit:
            log.error("too many sockets", extra={"open": len(sockets)})
            await socket.send_denial_response(JSONResponse({"error": "too many connections"}, 503))
            return
        try:
            checked = settings.websocket_verify != "off"
            claims = tokens.verify(settings, socket.query_params.get("token") or _bearer(socket)) if checked else {}
        except tokens.Refused as reason:
            log.warning("socket refused", extra={"reason": str(reason)})
            await socket.send_denial_response(JSONResponse({"error": "Unauthorized"}, 401))
            return
        await socket.accept()
        sockets.add(socket)
        SOCKETS.set(len(sockets))
        log.info("socket opened", extra={"account": str(claims.get("sub")), "open": len(sockets)})
        try:
            await _converse(socket, sockets, settings.websocket_idle or None)
        except WebSocketDisconnect:
            pass
        finally:
            sockets.discard(socket)
            SOCKETS.set(len(sockets))
            log.info("socket closed", extra={"open": len(sockets)})

    async def unavailable(request: Request, error: Exception) -> Response:
        log.error("database unavailable", extra={"path": request.url.path, "reason": str(error)})
        return JSONResponse({"error": "database unavailable"}, 503)

    async def broken(request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error, extra={"path": request.url.path})
        return JSONResponse({"error": "Internal Server Error"}, 500)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/api/auth/login", login, methods=["POST"]),
            Route("/api/suites", suites),
            Route("/api/tasks", tasks),
            Route(settings.websocket_path, plain_realtime),
            WebSocketRoute(settings.websocket_path, realtime),
        ],
        middleware=[Middleware(Counted)],
        exception_handlers={Unavailable: unavailable, Exception: broken},
    )


async def _database_check(database: Database) -> dict[str, Any]:
    start = time.monotonic()
    try:
        await database.rows("SELECT 1", timeout=database.settings.database_timeout)
    except Unavailable as error:
        return {"status": "error", "error": str(error)}
    return {"status": "ok", "latency_ms": round((time.monotonic() - start) * 1000, 1)}


def _memory_check(settings: Settings) -> dict[str, Any]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used, limit = pages * 4096, int(settings.memory_limit_mb * 1024 * 1024)
    return {"status": "ok" if used < limit else "error", "used": used, "limit": limit}


def _password_matches(given: bytes, stored: bytes) -> bool:
    try:
        return bcrypt.checkpw(given, stored)
    except ValueError:  # what is stored is no hash
        return False


def _refusal(settings: Settings, request: Request) -> Response | None:
    if request.url.path in settings.public_paths:
        return None
    try:
        tokens.verify(settings, _bearer(request))
    except tokens.Refused as reason:
        log.warning("token refused", extra={"path": request.url.path, "reason": str(reason)})
        return JSONResponse({"error": "Unauthorized"}, 401, {"WWW-Authenticate": "Bearer"})
    return None


def _bearer(connection: HTTPConnection) -> str:
    return connection.headers.get("authorization", "").removeprefix("Bearer ")


def _whole_number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and 0 < int(text) < 2**31 else default


async def _converse(socket: WebSocket, sockets: set[WebSocket], idle: float | None) -> None:
    while True:
        try:
            async with asyncio.timeout(idle):
                message = await socket.receive_json()
        except TimeoutError:
            await socket.close(1000, "idle")
            return
        except (ValueError, KeyError):
            await socket.send_json({"type": "error", "error": "one JSON object a message, please"})
            continue
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "hello":
            await socket.send_json({"type": "welcome"})
        elif kind == "ping":
            await socket.send_json({"type": "pong"})
        elif kind == "announce":
            news = {"type": "announcement", "text": str(message.get("text", ""))[:500]}
            await asyncio.gather(*(other.send_json(news) for other in list(sockets)), return_exceptions=True)


class Counted:
    """Counts and logs every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.monotonic() - start
            path = scope["path"] if scope.get("endpoint") else "other"
            REQUESTS.labels(scope["method"], path, status).inc()
            DURATION.labels(scope["method"], path).observe(seconds)
            said = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1000, 1)}
            log.log(logging.INFO if status < 500 else logging.ERROR, "request", extra=said)
