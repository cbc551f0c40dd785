"""What tells one stack from another one of the same name. Pure."""

from oncall.target.schema import Backend, Frontend, Postgres, Stack
from oncall.target.views import parts


def identity(stack: Stack) -> str:
    """What tells a stack from another one of the same name: where it is looked at. Other keys may change freely."""
    there = parts(stack)
    places = (
        "" if stack.host.absent else stack.host.at,
        "" if stack.docker.absent else f"{stack.docker.host}#{stack.docker.project}",
        *(part.url for part in there.values() if isinstance(part, Backend)),
        *(part.url for part in there.values() if isinstance(part, Frontend)),
        *(f"{part.host}:{part.port}/{part.dbname}" for part in there.values() if isinstance(part, Postgres)),
    )
    return " ".join(filter(None, places))
