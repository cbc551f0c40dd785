"""The faults of one component, as parameters: one of each class in `make test`, the others in `make catalogue`."""

import pytest

from stack import faults

OF_THE_WHOLE_MACHINE = (
    "host-swap-exhausted",
    "host-cpu-overloaded",
    "host-io-overloaded",
)  # every other run on this machine would see it too


def of(component):
    seen = set()
    found = []
    for name, fault in faults.catalogue().items():
        if fault.component == component:
            alone = [pytest.mark.alone] if name in OF_THE_WHOLE_MACHINE else []
            more = [pytest.mark.catalogue] if fault.cause_class in seen and not alone else []
            seen.add(fault.cause_class)
            found.append(pytest.param(fault, id=name, marks=alone + more))
    return found
