"""Parameters for tests that run on either kind of stack: all cases of the embedded one, a few of Docker's.

All of them with ONCALL_ALL_FAULTS=1 (`make faults`).
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
            marks = [pytest.mark.docker, *(REST if place >= FEW else [])] if mode == "docker" else []
            found.append(pytest.param(life, case, id=name, marks=marks))
    return found
