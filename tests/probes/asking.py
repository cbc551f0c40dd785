"""Looks of one run, one look alone, and why a look could not be made."""

from oncall.finding import CouldNotCheck, NotPart
from oncall.testing.looking import Looks


def door(stack, environment=None, limits=None):
    """A function that answers look after look of one run; a check's parameters are its keywords."""
    return Looks(stack, environment=environment, limits=limits)


def ask(name, stack, environment=None, limits=None, **parameters):
    """One look."""
    with door(stack, environment, limits) as answer:
        return answer(name, **parameters)


def why_unknown(name, stack, environment=None, limits=None, **parameters):
    """The reason for which a look could not be made, and the fact that stood in the way."""
    try:
        fact = ask(name, stack, environment, limits, **parameters)
    except (CouldNotCheck, NotPart) as error:
        return f"{error} {getattr(error, 'root', '')}".strip()
    raise AssertionError(f"{name} looked: {fact}")
