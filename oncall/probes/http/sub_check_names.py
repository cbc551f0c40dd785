"""Which component a sub-check of a health body is about, by its name: "pg:responseTime", "redisCache", "orders-db".

What the target file says (`backend.health.blames`) comes first; then a component's own name or service, then what its
kind is usually called. Where two components fit, none is named.
"""

from msgspec import Struct

from oncall.gate.patterns import Pattern
from oncall.target.kinds import kind_of, roles
from oncall.target.schema import Health, Part, Stack
from oncall.target.views import needs, parts

USUAL = {  # by kind; a name that a health check of the usual frameworks gives it
    "postgres": ("postgres", "postgresql", "pg", "db", "database", "sql", "prisma", "typeorm", "sequelize", "knex"),
    "mysql": ("mysql", "mariadb", "db", "database", "sql", "prisma", "typeorm", "sequelize", "knex"),
    "redis": ("redis", "valkey", "keydb", "cache"),
    "rabbitmq": ("rabbitmq", "rabbit", "amqp", "broker", "queue"),
}
LONGEST, SHORTEST = 100, 4  # characters of a sub-check's name; of a component's that may stand inside one
WORD = Pattern(r"[A-Z]?[a-z0-9]+|[A-Z]+")


class Names(Struct, frozen=True):
    """One component's names."""

    component: str
    own: frozenset[str]
    usual: frozenset[str]


class Blaming:
    """The components of a stack, as the sub-checks of one backend may call them."""

    def __init__(self, health: Health, stack: Stack) -> None:
        self._told = {name.lower(): component for name, component in health.blames.items()}
        backend = stack.named("backend")
        self._near = needs(stack).get(backend, ())
        self._parts = [_names(name, part, stack) for name, part in parts(stack).items() if name != backend]

    def of(self, name: str) -> str:
        """The component that a failing sub-check of this name accuses; empty: the name does not tell."""
        told = self._told.get(name.lower())
        head = name[:LONGEST].partition(":")[0]  # health+json: "component:measurement"
        told = told or self._told.get(head.lower())
        if told:
            return told
        words = {word[0].lower() for word in WORD.finditer(head)} | {head.lower()}
        own = [one.component for one in self._parts if one.own & words or _within(one.own, head.lower())]
        usual = [one.component for one in self._parts if one.usual & words]
        return self._only(own) or ("" if own else self._only(usual))

    def _only(self, found: list[str]) -> str:
        """The one that fits; of several the one that this backend needs."""
        if len(found) > 1:
            found = [one for one in found if one in self._near]
        return found[0] if len(found) == 1 else ""


def _within(names: frozenset[str], head: str) -> bool:
    """Whether one of them is a part of the sub-check's name; short ones are parts of too many words."""
    return any(len(name) >= SHORTEST and name in head for name in names)


def _names(name: str, part: Part, stack: Stack) -> Names:
    kind = kind_of(part)
    own = {name.lower(), part.service.lower()} - {""}
    return Names(_as_said(name, stack), frozenset(own), frozenset(USUAL.get(kind.name, ())))


def _as_said(name: str, stack: Stack) -> str:
    """The role that a component has in this view, or its name: checks read either."""
    role = next((role for role in roles() if stack.named(role) == name), "")
    return role or (name if stack.named(name) == name else "")
