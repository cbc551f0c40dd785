"""The graph of a run: what the target file declares, and where it says nothing, what the stack itself tells. Pure."""

from collections.abc import Iterator, Mapping

from msgspec.structs import fields

from oncall.facts import Fact
from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import DockerEngine
from oncall.facts.dependence import Dependences, Edge
from oncall.target.graph import Graph, graph_of
from oncall.target.places import place
from oncall.target.schema import Part, Stack
from oncall.target.views import Views, needs, parts, servers

SERVES = "serves it"
USUAL = "default: nothing else says so"


def edges(stack: Stack, facts: Mapping[str, Fact], file: str = "target file") -> tuple[Edge, ...]:
    """Every dependence, with where it comes from; of each pair the first that says so.

    facts: by look. file: what people call the target file.
    """
    found: dict[tuple[str, str], Edge] = {}
    for edge in _edges(stack, facts, file):
        found.setdefault((edge.component, edge.on), edge)
    return tuple(found.values())


def graph(stack: Stack, facts: Mapping[str, Fact]) -> Graph:
    """What the diagnosis walks along: these edges, and who answers at which published address."""
    near: dict[str, tuple[str, ...]] = {}
    for edge in edges(stack, facts):
        near[edge.component] = (*near.get(edge.component, ()), edge.on)
    return graph_of(stack, near, _published(facts))


def _published(facts: Mapping[str, Fact]) -> dict[str, str]:
    """Place -> component, where the engine's machine is this one: on another, its ports are no ports of ours."""
    engines = [fact for fact in facts.values() if isinstance(fact, DockerEngine)]
    if any(engine.answers and not engine.local for engine in engines):
        return {}
    told = [fact.published for fact in facts.values() if isinstance(fact, Dependences)]
    return {place(address): component for each in told for address, component in each.items()}


def _edges(stack: Stack, facts: Mapping[str, Fact], file: str) -> Iterator[Edge]:
    there, declared = parts(stack), needs(stack)
    said = {name for name, part in there.items() if _declared(part)}
    for component, others in declared.items():
        if component in said:
            yield from (Edge(component=component, on=on, source=f"depends_on in {file}") for on in others)
    for aspect, server in servers(stack).items():
        yield Edge(component=aspect, on=server, source=SERVES)
    yield from (edge for edge in _told(stack, facts) if edge.component not in said)
    for component, others in declared.items():
        if component not in said:
            yield from (Edge(component=component, on=on, source=USUAL) for on in others)


def _told(stack: Stack, facts: Mapping[str, Fact]) -> Iterator[Edge]:
    views = Views(stack)
    for look, fact in facts.items():
        if isinstance(fact, Dependences):
            yield from fact.edges
        elif isinstance(fact, HealthAnswer):
            api = views.named(look, "backend")
            for check in fact.checks or ():
                on = views.about(api).named(check.blames) if check.blames else check.name
                if on in views.parts and on != api:
                    yield Edge(component=api, on=on, source=f"health sub-check {check.name}")


def _declared(part: Part) -> bool:
    """Whether the target file says something of its own, and not just what holds where it says nothing."""
    usual = next(one.default for one in fields(part) if one.name == "depends_on")
    return bool(part.depends_on != usual)
