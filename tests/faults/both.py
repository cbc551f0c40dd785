"""Parameters for tests that run on either kind of stack: one case of each in `make test`.

`make catalogue` takes the rest of the embedded one's and one more of Docker's, `make faults` (ONCALL_ALL_FAULTS=1) all.
"""

import os

import pytest

import stack.docker.lifecycle
import stack.lifecycle

FEW = 2  # of Docker's: so many take as long as the gate has time for
LIVES = {"embedded": stack.lifecycle, "docker": stack.docker.lifecycle}
REST = [
    pytest.mark.slow,
    pytest.mark.skipif("ONCALL_ALL_FAULTS" not in os.environ, reason="a few of them; all: make faults"),
]


def both(cases):
    """Parameters (life, case) of cases(mode), which gives a name and a case each; `life` is to be indirect."""
    found = []
    for mode, life in LIVES.items():
        for place, (name, case) in enumerate(cases(mode)):
            marks = [pytest.mark.docker] if mode == "docker" else []
            if place:
                marks += REST if mode == "docker" and place >= FEW else [pytest.mark.catalogue]
            found.append(pytest.param(life, case, id=name, marks=marks))
    return found


def one_here(names):
    """Parameters of which `make test` takes the first, and `make catalogue` the others."""
    return [pytest.param(name, marks=[pytest.mark.catalogue] if place else []) for place, name in enumerate(names)]
