"""The stack that tests examine and break: one for as long as somebody needs it, ended whatever happens."""

import shutil
from contextlib import contextmanager

from stack import lifecycle
from stack.state import Home


def quiet(line):
    """The stack tells what it does; a test has no use for it."""


def allow_load(home, life):
    """Tests run beside one another: how much of this machine they use is no finding, unless a fault is about it."""
    life.running(home).edit_target("limits.host_runnable_per_cpu", 1000)
    shutil.copy2(home.target, home.pristine / home.target.name)  # heal goes back to this


@contextmanager
def running(folder, life=lifecycle):
    """A healthy stack, embedded unless another life is given, with its state in a folder below this one."""
    home = Home(folder / "home")
    try:
        life.up(home, quiet)
        allow_load(home, life)
        yield home
    finally:
        life.down(home, quiet)
