"""Parameters for tests that run on either kind of stack: a few cases of each in `make test`.

`make catalogue` takes the rest of the embedded one's, `make faults` (ONCALL_ALL_FAULTS=1) Docker's as well.
"""

import os

import pytest

import stack.docker.lifecycle
import stack.lifecycle

FEW = 2
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
            if mode == "docker":
                marks = [pytest.mark.docker, *(REST if place >= FEW else [])]
            else:
                marks = [pytest.mark.catalogue] if place >= FEW else []
            found.append(pytest.param(life, case, id=name, marks=marks))
    return found
