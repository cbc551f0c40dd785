"""Files that a run leaves: whole or not at all, also on a full disk and beside a second run."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


class Files:
    """written: what is there now. trouble: a sentence for each that could not be written."""

    def __init__(self) -> None:
        self.written: set[Path] = set()
        self.trouble: list[str] = []

    def write(self, path: str | None, what: str, content: Callable[[], bytes]) -> None:
        """Write it where somebody asked for it. what: its name in a sentence."""
        if path:
            with self.whole(path, what) as draft:
                draft.write_bytes(content())

    @contextlib.contextmanager
    def whole(self, path: str | Path, what: str) -> Iterator[Path]:
        """A draft beside the file: a reader never meets half of one, and a full disk keeps the old one."""
        file = Path(os.path.realpath(path))
        special = file.exists() and not file.is_file()  # /dev/null or a pipe is written to, and stays what it is
        draft = file if special else file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            yield draft
            if not special:
                draft.replace(file)
            self.written.add(Path(path))
        except OSError as error:
            self.trouble.append(f"the {what} {path} could not be written: {error.strerror}")
        finally:
            if not special:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
