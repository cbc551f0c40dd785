"""A small real backend with a login, a protected route and a WebSocket, each of which can be made sick."""

import asyncio
import contextlib
import functools
import socket
import threading
import time
import warnings

import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from oncall.target.schema import Auth, Backend, Docker, Frontend, Limits, Postgres, Stack, Websocket
from oncall.testing.looking import Looks

SECRET = "q8Zr1vWk5nT0yXc3LmB7sUeHdFgJpA2o9"
ACCOUNT = {"ONCALL_ACCOUNT": "probe", "ONCALL_PASSWORD": "correct horse"}
FAST = Limits(health_seconds=0.3, page_seconds=0.3, login_seconds=0.4, websocket_ping_seconds=0.4)


class Patient:
    """A healthy backend; tests change its parts.

    login: takes the request's JSON, returns a Starlette response. protected: takes the token or None, returns a status.
    socket: a coroutine that gets the WebSocket.
    """

    def __init__(self, secret=SECRET, **claims):
        self.secret = secret
        self.claims = claims
        self.logins = []
        self.asked = []
        self.handshakes = 0
        self.health = {"status": "ok", "checks": {"database": {"status": "ok"}}}
        self.health_status = 200

    def token(self):
        now = int(time.time())
        claims = {"sub": "17", "email": "probe@motel.example", "iat": now, "exp": now + 3600} | self.claims
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            claims = {name: value for name, value in claims.items() if value is not None}
            return jwt.encode(claims, self.secret, algorithm="HS256")

    def login(self, body):
        if body.get("username") == "probe" and body.get("password") == "correct horse":
            return JSONResponse({"token": self.token()})
        return JSONResponse({"message": "Unauthorized"}, 401)

    def protected(self, token):
        if token is None:
            return 401
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                jwt.decode(token, self.secret, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return 401
        return 200

    async def socket(self, websocket):
        if self.protected(websocket.query_params.get("token")) != 200:
            return await websocket.close()
        await websocket.accept()
        with contextlib.suppress(Exception):
            while True:
                await websocket.receive()

    async def _login(self, request):
        body = await request.json()
        self.logins.append(body)
        answer = self.login(body)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def _protected(self, request):
        sent = request.headers.get("authorization", "")
        token = sent.removeprefix("Bearer ") if sent else request.cookies.get("Authorization")
        self.asked.append(token)
        return PlainTextResponse("suites", self.protected(token))

    async def _health(self, request):
        return JSONResponse(self.health, self.health_status)

    async def _page(self, request):
        return HTMLResponse("<!doctype html><title>Motel</title><p>hello")

    async def _socket(self, websocket):
        self.handshakes += 1
        await self.socket(websocket)

    @property
    def app(self):
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/api/auth/login", self._login, methods=["POST"]),
                Route("/api/suites", self._protected),
                Route("/", self._page),
                WebSocketRoute("/realtime", self._socket),
            ]
        )


class Switch:
    """One uvicorn for all tests, since starting and stopping it takes longer than most of them; it serves `app`."""

    def __init__(self):
        self.app = None
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        config = uvicorn.Config(
            self.serve, interface="asgi3", log_level="critical", lifespan="off", ws="websockets-sansio"
        )
        self.server = uvicorn.Server(config)
        threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True).start()

    async def serve(self, scope, receive, send):
        await self.app(scope, receive, send)


@functools.cache
def switch():
    return Switch()


@contextlib.contextmanager
def served(app):
    """Serve an application on a port of this host; yields the port."""
    server = switch()
    assert server.app is None, "one application at a time"
    server.app = app
    try:
        yield server.listener.getsockname()[1]
    finally:
        server.app = None


def stack(port, *, auth=None, websocket=None, frontend_port=None, **backend):
    """A stack whose backend listens at a port of this host, with no database and no Docker."""
    backend.setdefault("endpoints", ())
    return Stack(
        backend=Backend(url=f"http://127.0.0.1:{port}", **backend),
        auth=Auth(**(auth or {})),
        websocket=Websocket(**{"url": f"ws://127.0.0.1:{port}/realtime"} | (websocket or {})),
        frontend=Frontend(url=f"http://127.0.0.1:{frontend_port}") if frontend_port else Frontend(absent=True),
        postgres=Postgres(absent=True),
        docker=Docker(absent=True),
    )


class Look(Looks):
    """The door itself, on one stack: look("login") gives the fact, or raises as a check would see it."""

    def __init__(self, described, *, environment=None, limits=FAST):
        super().__init__(described, environment=ACCOUNT if environment is None else environment, limits=limits)

    def saved(self):
        """Everything that a snapshot would keep, as one text."""
        return str(self.runner.saved())
