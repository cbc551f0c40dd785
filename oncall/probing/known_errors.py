"""Which errors stood in the parts' logs while all was well: what good runs that are kept have met."""

from collections.abc import Callable, Mapping
from functools import cached_property


class KnownErrors:
    """Asked of the kept runs when a look first wants it.

    read: gives the keys of the errors (`oncall.facts.logs.ErrorTemplate.key`), by component.
    """

    def __init__(self, read: Callable[[], Mapping[str, frozenset[str]]] = dict) -> None:
        self._read = read

    @cached_property
    def _known(self) -> Mapping[str, frozenset[str]]:
        return self._read()

    def of(self, component: str) -> frozenset[str] | None:
        """The errors of a part's log; None where no good run has read it."""
        return self._known.get(component)
