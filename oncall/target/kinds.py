"""The kinds of components: what a target file may say of each, and what the rest of the suite has to know of it.

`[backend]`, `[frontend]` and `[postgres]` are short forms of `[components.NAME]` with the `kind` http-api, web and
postgres. Checks and probes speak of roles ("backend"): which component that is, is a matter of the view (views.py).
To add a kind: its keys, one line in KINDS, its probes and checks; `oncall.api.kind` does it from outside.
"""

from typing import Annotated, Any

from msgspec import Struct

from oncall.target.schema import (
    Auth,
    Backend,
    Dependencies,
    Endpoints,
    Frontend,
    HttpUrl,
    Part,
    Postgres,
    Stack,
    Websocket,
    WebSocketUrl,
    text,
)

OwnService = Annotated[str, text("[A-Za-z0-9][A-Za-z0-9._-]*", "be the name of a Compose service")]


class ApiWebsocket(Websocket, frozen=True, kw_only=True):
    """The socket of a further API."""

    url: WebSocketUrl


class HttpApi(Backend, frozen=True, kw_only=True, tag_field="kind", tag="http-api"):
    """An HTTP API beside the first one, with its own login and socket where it has them."""

    url: HttpUrl
    service: OwnService = ""
    depends_on: Dependencies = ()
    endpoints: Endpoints = ()
    auth: Auth = Auth(absent=True)
    websocket: ApiWebsocket = ApiWebsocket(url="ws://localhost", absent=True)


class Web(Frontend, frozen=True, kw_only=True, tag_field="kind", tag="web"):
    """What a browser loads, beside the first one."""

    url: HttpUrl
    service: OwnService = ""
    depends_on: Dependencies = ()


class PostgresServer(Postgres, frozen=True, kw_only=True, tag_field="kind", tag="postgres"):
    """A database server beside the first one."""

    service: OwnService = ""


class Worker(Part, frozen=True, kw_only=True, tag_field="kind", tag="worker"):
    """A part that takes its work from somewhere and publishes nothing."""

    service: OwnService = ""


class Component(Part, frozen=True, kw_only=True, tag_field="kind", tag="container"):
    """Any further part: its state, its logs and what it uses are looked at."""

    service: OwnService = ""


class Kind(Struct, frozen=True, kw_only=True):
    """One kind.

    keys: the record of `[components.NAME]`. role: what checks call it, and the table that is its short form; empty:
    there is none. aspects: keys of it that are components of the diagnosis themselves, with the same names as tables
    of the file. waits: whether the silence of what it depends on makes it silent. asked_by: the fact that asks it as
    its own health check would. port: where its kind listens as a rule.
    """

    keys: type[Part]
    role: str = ""
    aspects: tuple[str, ...] = ()
    waits: bool = True
    asked_by: str = ""
    port: int | None = None

    @property
    def name(self) -> str:
        return str(self.keys.__struct_config__.tag)


KINDS: dict[str, Kind] = {}
SHORT_FORMS: dict[str, type[Part]] = {"backend": Backend, "frontend": Frontend, "postgres": Postgres}


def kind(keys: type[Part], **more: Any) -> Kind:
    """Make a kind known; raises TypeError for a record without `tag_field="kind"` and for a second one of a name."""
    one = Kind(keys=keys, **more)
    if keys.__struct_config__.tag_field != "kind" or not issubclass(keys, Part):
        raise TypeError(f'{keys.__name__} must be a Part with tag_field="kind" and a tag')
    if one.name in KINDS and KINDS[one.name].keys is not keys:
        raise TypeError(f"a second kind is named {one.name}: give one of them another name")
    KINDS[one.name] = one
    return one


kind(HttpApi, role="backend", aspects=("auth", "websocket"), asked_by="backend_health")
kind(Web, role="frontend", waits=False, asked_by="frontend_page")  # it serves files: a slow API does not make it late
kind(PostgresServer, role="postgres", asked_by="database_connection", port=5432)
kind(Worker)
kind(Component)


def kind_of(part: Part) -> Kind:
    """The kind of a component's record, be it a short form's."""
    known = (one for one in KINDS.values() if isinstance(part, one.keys))
    return next(known, None) or next(
        one for one in KINDS.values() if one.role and isinstance(part, SHORT_FORMS[one.role])
    )


def roles() -> dict[str, Kind]:
    """Role -> kind, of kinds that have a short form; of aspects too ("auth" -> http-api)."""
    found = {one.role: one for one in KINDS.values() if one.role}
    return found | {aspect: one for one in KINDS.values() for aspect in one.aspects}


def short_form(stack: Stack, role: str) -> Part:
    """The component that a role is in this view."""
    part = getattr(stack, role)
    assert isinstance(part, Part)  # noqa: S101  for mypy: roles of kinds are fields of a stack
    return part
