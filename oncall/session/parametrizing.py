"""Which checks run: one for each service, endpoint and component that the target names.

With one component of a kind nothing is added, so that the ids of checks stay as short as their names.
"""

from collections.abc import Sequence

import pytest

from oncall.probing.register import PROBES, roles_of
from oncall.target.kinds import KINDS, roles
from oncall.target.schema import Backend
from oncall.target.views import Views, services

COMPONENT = "component"


def parametrize(metafunc: pytest.Metafunc, views: Views) -> None:
    """Give a check its parameters; those that a mark of its own has set stay."""
    marked = _marked(metafunc)
    if (mark := metafunc.definition.get_closest_marker("kind")) and mark.args:
        names = [name for name, part in views.parts.items() if isinstance(part, KINDS[mark.args[0]].keys)]
        _each(metafunc, COMPONENT, names, f"component of kind {mark.args[0]}")
        return
    about = () if {"service", COMPONENT} & set(metafunc.fixturenames) else _about(metafunc, views)
    if "endpoint" in metafunc.fixturenames and "endpoint" not in marked:
        _endpoints(metafunc, views, about)
    elif about:
        _add(metafunc, COMPONENT)
        metafunc.parametrize(COMPONENT, about)
    if "service" in metafunc.fixturenames and "service" not in marked:
        _each(metafunc, "service", list(services(views.stack)), "service")


def _about(metafunc: pytest.Metafunc, views: Views) -> tuple[str, ...]:
    """The components that a check is about, where there are several of a kind that its probes look at."""
    looked_at = roles_of(PROBES.keys() & set(metafunc.fixturenames))
    kinds = {roles()[role].role for role in looked_at}
    mark = metafunc.definition.get_closest_marker(COMPONENT)
    own = [str(mark.args[0])] if mark and mark.args and mark.args[0] in roles() else []
    wanted = [role for role in (*own, *roles()) if roles()[role].role in kinds and (role in own or role in looked_at)]
    return views.of(wanted[0]) if wanted and wanted[0] in views.several else ()


def _endpoints(metafunc: pytest.Metafunc, views: Views, about: Sequence[str]) -> None:
    if not about:
        _each(metafunc, "endpoint", [one.name for one in views.stack.backend.endpoints], "endpoint")
        return
    parts = {name: views.parts[name] for name in about}
    pairs = [(name, one.name) for name, part in parts.items() if isinstance(part, Backend) for one in part.endpoints]
    _add(metafunc, COMPONENT)
    metafunc.parametrize((COMPONENT, "endpoint"), pairs)


def _each(metafunc: pytest.Metafunc, argument: str, names: list[str], words: str) -> None:
    none = pytest.param("none", marks=pytest.mark.skip(reason=f"the target file names no {words}"))
    _add(metafunc, argument)
    metafunc.parametrize(argument, names or [none])


def _add(metafunc: pytest.Metafunc, argument: str) -> None:
    """Let a check have a parameter that its function does not name."""
    if argument not in metafunc.fixturenames:
        metafunc.fixturenames.append(argument)


def _marked(metafunc: pytest.Metafunc) -> set[str]:
    """The parameters that marks of the check's own set."""
    marks = [
        (*mark.args, mark.kwargs.get("argnames", ""))[0] for mark in metafunc.definition.iter_markers("parametrize")
    ]
    listed = [mark.split(",") if isinstance(mark, str) else mark for mark in marks]
    return {name.strip() for names in listed for name in names}
