"""The faults of one component, as parameters."""

import pytest

from stack import faults

OF_THE_WHOLE_MACHINE = (
    "host-swap-exhausted",
    "host-cpu-overloaded",
    "host-io-overloaded",
)  # every other run on this machine would see it too


def of(component):
    return [
        pytest.param(fault, id=name, marks=[pytest.mark.alone] if name in OF_THE_WHOLE_MACHINE else [])
        for name, fault in faults.catalogue().items()
        if fault.component == component
    ]
