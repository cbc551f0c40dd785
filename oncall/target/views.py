"""The stack as one component sees it. Pure.

Probes and checks speak of roles: "the backend", "its database". With several components of a kind each of them is
looked at by the same probes, in a view of its own: there the API under check is `stack.backend`, the database that it
depends on is `stack.postgres`, the page that depends on it is `stack.frontend`.
"""

from collections.abc import Mapping
from functools import cached_property

from msgspec.structs import replace

from oncall.target.kinds import KINDS, HttpApi, Kind, kind_of, roles, short_form
from oncall.target.schema import Auth, Backend, Frontend, Part, Postgres, Stack, Websocket

OURS = ("host", "docker", "network")  # what every stack stands on
NOBODY = "-"  # in a view: the target does not say which of several it is
ABSENT: Mapping[str, object] = {
    "backend": Backend(absent=True),
    "frontend": Frontend(absent=True),
    "postgres": Postgres(absent=True),
    "auth": Auth(absent=True),
    "websocket": Websocket(absent=True),
}


def parts(stack: Stack) -> dict[str, Part]:
    """Every component that is there, by name: those of the short forms first."""
    first = {stack.named(one.role): short_form(stack, one.role) for one in KINDS.values() if one.role}
    there = {name: part for name, part in first.items() if not getattr(part, "absent", False)}
    return there | {name: part for name, part in stack.components.items() if not getattr(part, "absent", False)}


def services(stack: Stack) -> dict[str, str]:
    """What the runtime finds each component by that runs here: a Compose service, a unit, a pid file or a port."""
    return {name: part.found_by for name, part in parts(stack).items() if part.runtime != "external"}


def compose_services(stack: Stack) -> dict[str, str]:
    """The Compose service of each component that is one."""
    return {name: part.service for name, part in parts(stack).items() if part.runtime == "compose"}


def components(stack: Stack) -> tuple[str, ...]:
    """Every name that a finding may bear."""
    first = [stack.named(role) for role in ("postgres", "backend", "frontend")]
    aspects = [aspect_name(stack, aspect, name) for name in _apis(stack) for aspect in ("auth", "websocket")]
    return tuple(dict.fromkeys((*OURS, *first, *aspects, "auth", "websocket", *stack.components)))


def aspect_name(stack: Stack, aspect: str, server: str) -> str:
    """What the login or the socket of an API is called: "auth" of the first one, "orders-auth" of another."""
    return stack.named(aspect) if server == stack.named("backend") else f"{server}-{aspect}"


def servers(stack: Stack) -> dict[str, str]:
    """Each login and socket that is there, and the component that serves it."""
    found = {}
    for name in _apis(stack):
        part = parts(stack)[name]
        own = part if isinstance(part, HttpApi) and name != stack.named("backend") else stack
        for aspect in ("auth", "websocket"):
            if not getattr(own, aspect).absent:
                found[aspect_name(stack, aspect, name)] = name
    return found


def behind_role(stack: Stack, word: str) -> str:
    """The component that a role stands for, "" where this stack has none of that role; any other word itself."""
    name = stack.named(word)
    there = word not in roles() or name in parts(stack) or name in servers(stack)
    return name if there else ""


def _apis(stack: Stack) -> list[str]:
    return [name for name, part in parts(stack).items() if isinstance(part, Backend)]


def needs(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Whom each component depends on, as declared; roles resolved, what is not there left out."""
    there = parts(stack)
    declared = {name: [stack.named(one) for one in part.depends_on] for name, part in there.items()}
    return {name: tuple(one for one in others if one in there) for name, others in declared.items() if others}


def below(name: str, near: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What a component depends on, near and far, the nearest first; in a circle also itself. near: each one's own."""
    found: dict[str, None] = {}
    coming = list(near.get(name, ()))
    while coming:
        one = coming.pop(0)
        if one not in found:
            found[one] = None
            coming += near.get(one, ())
    return list(found)


class Views:
    """The views of one stack, each made once."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._made: dict[str, Stack] = {}

    @cached_property
    def parts(self) -> dict[str, Part]:
        return parts(self.stack)

    @cached_property
    def several(self) -> dict[str, tuple[str, ...]]:
        """The components of each role, of roles that more than one has."""
        found = {role: self.of(role) for role in roles()}
        return {role: names for role, names in found.items() if len(self._of(roles()[role])) > 1}

    def of(self, role: str) -> tuple[str, ...]:
        """The components that a check of this role is about: of an aspect those that have it."""
        kind = roles()[role]
        names = self._of(kind)
        if role not in kind.aspects:
            return names
        has = servers(self.stack)
        return tuple(name for name in names if aspect_name(self.stack, role, name) in has)

    def _of(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name, part in self.parts.items() if kind_of(part) is kind)

    def about(self, name: str) -> Stack:
        """The stack as this component sees it; as the first of each kind sees it where there is no such component."""
        if name not in self._made:
            self._made[name] = self._view(name) if name in self.parts else self.stack
        return self._made[name]

    def named(self, look: str, role: str) -> str:
        """The component that a role is in a look, which its key tells: "database_role[orders-db]"."""
        about = look.partition("[")[2].removesuffix("]")
        while about and about not in self.parts:
            about = about.rpartition("-")[0]
        return self.about(about).named(role)

    def roles(self, name: str) -> dict[str, str]:
        """Which component each role is in that view, of roles that more than one component has."""
        view = self.about(name)
        return {role: view.named(roles()[role].role) for role in self.several}

    def _view(self, name: str) -> Stack:
        chosen = {kind.role: self._chosen(name, kind) for kind in KINDS.values() if kind.role}
        changed: dict[str, object] = {}
        names = dict(self.stack.names)
        for role, one in chosen.items():
            if one == self.stack.named(role):
                continue
            changed[role] = self.parts.get(one, ABSENT.get(role))
            names[role] = one
            for aspect in roles()[role].aspects:
                changed[aspect] = getattr(changed[role], aspect, ABSENT.get(aspect))
                names[aspect] = aspect_name(self.stack, aspect, one)
        return replace(self.stack, **changed, names=names)

    def _chosen(self, name: str, kind: Kind) -> str:
        """The component of a kind that belongs to this one: itself, whom it needs, who needs it, or the only one."""
        if kind_of(self.parts[name]) is kind:
            return name
        of_kind = self._of(kind)
        if len(of_kind) < 2:
            return self.stack.named(kind.role)
        near = needs(self.stack)
        needed = [one for one in below(name, near) if one in of_kind]
        needing = [one for one in of_kind if name in below(one, near)]
        return next(iter(needed + needing), NOBODY)
