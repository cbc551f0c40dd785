"""The faults of one component, as parameters: one of each class in `make test`, the others in `make catalogue`."""

from functools import cache

import pytest

from stack import faults

OF_THE_WHOLE_MACHINE = (
    "host-swap-exhausted",
    "host-cpu-overloaded",
    "host-io-overloaded",
)  # every other run on this machine would see it too


@cache
def examples():
    """Names of faults that together show each class of cause, and each component, once."""
    classes, components, found = set(), set(), []
    for name, fault in faults.catalogue().items():
        if fault.cause_class not in classes or fault.component not in components:
            found.append(name)
        classes.add(fault.cause_class)
        components.add(fault.component)
    return found


def of(component):
    found = []
    for name, fault in faults.catalogue().items():
        if fault.component == component:
            alone = [pytest.mark.alone] if name in OF_THE_WHOLE_MACHINE else []
            more = [] if alone or name in examples() else [pytest.mark.catalogue]
            found.append(pytest.param(fault, id=name, marks=alone + more))
    return found
