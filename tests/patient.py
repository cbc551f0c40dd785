"""The stack that tests examine and break: one for as long as somebody needs it, ended whatever happens."""

from contextlib import contextmanager

from stack import lifecycle
from stack.state import Home


def quiet(line):
    """The stack tells what it does; a test has no use for it."""


@contextmanager
def running(folder, life=lifecycle):
    """A healthy stack, embedded unless another life is given, with its state in a folder below this one."""
    home = Home(folder / "home")
    try:
        life.up(home, quiet)
        yield home
    finally:
        life.down(home, quiet)
