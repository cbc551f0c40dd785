"""The page's template, compiled once and kept beside it, as Python keeps its modules: 0.1 s saved in every run."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """One template's code in __pycache__; where nothing can be written, it is compiled each time.

    made_by: the file whose settings the code depends on, besides the template itself (which jinja2 compares).
    """

    def __init__(self, made_by: Path):
        self._made_by = made_by
        self._file = made_by.parent / "__pycache__" / f"diagnosis.{sys.implementation.cache_tag}.jinja"

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            if self._file.stat().st_mtime_ns > self._made_by.stat().st_mtime_ns:
                bucket.bytecode_from_string(self._file.read_bytes())

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        draft = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            draft.write_bytes(bucket.bytecode_to_string())
            draft.replace(self._file)
        with suppress(OSError):
            draft.unlink(missing_ok=True)
