"""Real servers with a form login, a CSRF token and opaque sessions, as frameworks make them."""

import secrets
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route

FORM = '<!doctype html><form method="post"><input type="hidden" name="_csrf" value="{token}">{more}</form>'
FIELDS = '<input name="username"><input type="password" name="password">'


class FormLogin:
    """A site with a login form. Every visitor gets a session, as Laravel's and Rails' do; a login makes another one.

    shown: where the CSRF token stands: "html", "cookie", "header" or "json". again: what a refused login gets:
    "redirect", "page" or "400". page: what a stranger gets at the protected path: "redirect", "page" or "401".
    """

    def __init__(self, shown="html", again="redirect", page="redirect", strangers=False):
        self.shown, self.again, self.page, self.strangers = shown, again, page, strangers
        self.tokens, self.users, self.posted = {}, set(), []

    def visitor(self, answer, session=None):
        session = session or secrets.token_hex(16)
        answer.set_cookie("sid", session, httponly=True)
        return session

    async def form(self, request):
        token = secrets.token_urlsafe(12) + "=="
        body = FORM.format(token=token if self.shown == "html" else "", more=FIELDS)
        answer = JSONResponse({"data": {"csrf": token}}) if self.shown == "json" else HTMLResponse(body)
        self.tokens[self.visitor(answer)] = token
        if self.shown == "cookie":
            answer.headers.append("set-cookie", f"XSRF-TOKEN={token.replace('=', '%3D')}; Path=/")
        if self.shown == "header":
            answer.headers["X-CSRF-Token"] = token
        return answer

    async def login(self, request):
        form = dict(parse_qsl((await request.body()).decode()))
        self.posted.append(form)
        wanted = self.tokens.get(request.cookies.get("sid", ""))
        given = request.headers.get("x-csrf-token") or form.get("_csrf")
        if not wanted or given != wanted:
            return HTMLResponse("CSRF token mismatch", 419)
        good = (form.get("username"), form.get("password")) == ("probe", "correct horse")
        if good or self.strangers:
            answer = RedirectResponse("/home", 302)
            self.users.add(self.visitor(answer))
            return answer
        answer = {
            "redirect": lambda: RedirectResponse("/login?error", 302),
            "page": lambda: HTMLResponse(FORM.format(token="", more=FIELDS)),
            "400": lambda: JSONResponse({"error": "no"}, 400),
        }[self.again]()
        self.visitor(answer)
        return answer

    async def protected(self, request):
        if request.cookies.get("sid") in self.users:
            return HTMLResponse("<!doctype html><h1>Orders</h1>")
        if self.page == "redirect":
            return RedirectResponse("/login", 302)
        return HTMLResponse(FORM.format(token="", more=FIELDS), 200 if self.page == "page" else 401)

    async def me(self, request):
        if request.cookies.get("sid") not in self.users:
            return JSONResponse({}, 401)
        return JSONResponse({"user": {"name": "Probe"}})

    async def health(self, request):
        return JSONResponse({"status": "ok"})

    @property
    def app(self):
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/login", self.form, methods=["GET"]),
                Route("/login", self.login, methods=["POST"]),
                Route("/orders", self.protected),
                Route("/me", self.me),
            ]
        )


AUTH = {
    "login_path": "/login",
    "login_body": "form",
    "login_expected_status": (302, 303),
    "csrf_path": "/login",
    "csrf_from": "html:_csrf",
    "token_in": "cookie",
    "token_key": "sid",
    "scheme": "opaque",
    "protected_path": "/orders",
    "protected_refused_status": (302, 401),
    "send_token_in": "cookie",
    "send_token_name": "sid",
}
