"""The stack that tests examine and break: one for as long as somebody needs it, ended whatever happens."""

import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from stack import lifecycle
from stack.state import Home

PRESSURE = Path("/proc/pressure/cpu")


def quiet(line):
    """The stack tells what it does; a test has no use for it."""


def until_calm(patience=20.0):
    """Wait until processes of this machine no longer wait for a processor half of the time; for that many seconds."""
    until = time.monotonic() + patience
    while busy() > 50 and time.monotonic() < until:
        time.sleep(0.2)


def busy():
    """The percentage of the last ten seconds in which some process waited for a processor; 0 where nobody counts."""
    try:
        return float(re.search(r"some avg10=([\d.]+)", PRESSURE.read_text())[1])
    except OSError:
        return 0.0


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
