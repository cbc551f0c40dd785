"""Facts: what a probe returned, as frozen records with named fields and units."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from msgspec import Struct, StructMeta, field


class FactType(StructMeta):
    """Fields are given by name, in any order; @dataclass is refused in words, not as a "readonly attribute"."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **settings: Any) -> "FactType":
        return super().__new__(cls, name, bases, body, **{"kw_only": True, **settings})

    def __setattr__(cls, name: str, value: Any) -> None:
        if name == "__dataclass_params__":
            raise TypeError(
                f"{cls.__name__} is a fact, which is no dataclass: take @dataclass away and write "
                f"class {cls.__name__}(Fact, frozen=True, kw_only=True)"
            )
        super().__setattr__(name, value)


class Fact(Struct, frozen=True, kw_only=True, metaclass=FactType):
    """The base of every record. Subclasses are structs too: made a hundred times faster than dataclasses, and a run
    makes all of them at its start."""

    def inconclusive_reason(self) -> str | None:
        """Why this record proves nothing, or None when somebody really looked. Every record has its own."""
        raise NotImplementedError


class Part(Protocol):
    """One part of a fact about several."""

    @property
    def component(self) -> str:
        """Its name in findings and verdicts."""


class Several(Fact, frozen=True, kw_only=True):
    """One look at several parts whose names only the run finds out; a check marked `each` judges one at a time.

    A subclass has `parts`, records with a `component` each. unseen: component -> why this one could not be looked at.
    """

    unseen: dict[str, str] = field(default_factory=dict)

    def each(self) -> Iterator[Part]:
        """The parts that were looked at."""
        yield from getattr(self, "parts", ())


def unfolded(facts: Iterable[Fact]) -> Iterator[object]:
    """The facts, and the parts of those that are about several."""
    for fact in facts:
        yield fact
        if isinstance(fact, Several):
            yield from fact.each()
