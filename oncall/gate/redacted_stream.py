"""The terminal's stream: what others write to it goes through the redactor, what we write is made of masked facts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any


class RedactedStream:
    """A text stream that lets no learned secret through, whoever writes to it: pytest, a warning, a traceback.

    What we write ourselves between `with stream.own():` is made of facts, which have been masked already.
    """

    def __init__(self, stream: Any, redact: Callable[[str], str]):
        self._stream, self._redact, self._own = stream, redact, False

    def write(self, text: str) -> int:
        return int(self._stream.write(text if self._own else self._redact(text)))

    @contextmanager
    def own(self) -> Iterator[None]:
        before, self._own = self._own, True
        try:
            yield
        finally:
            self._own = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def own_lines(reporter: Any) -> AbstractContextManager[None]:
    """While it lasts, what is written to the terminal is ours; see RedactedStream."""
    stream = reporter._tw._file
    return stream.own() if isinstance(stream, RedactedStream) else nullcontext()
