"""The stack that tests examine and break: one for as long as somebody needs it, ended whatever happens."""

from contextlib import contextmanager

from stack import lifecycle
from stack.state import Home


def quiet(line):
    """The stack tells what it does; a test has no use for it."""


@contextmanager
def embedded(folder):
    """A healthy embedded stack, with its state in a folder below this one."""
    home = Home(folder / "home")
    lifecycle.up(home, quiet)
    try:
        yield home
    finally:
        lifecycle.down(home, quiet)
