"""Looks through the real door, a runner of their own each: what a check would get, or the exception it would meet."""

import contextlib

import oncall.probes.host.backups
import oncall.probes.host.machine
import oncall.probes.host.pressure
import oncall.probes.postgres.activity
import oncall.probes.postgres.integrity
import oncall.probes.postgres.migrations
import oncall.probes.postgres.schema
import oncall.probes.postgres.server
import oncall.probes.postgres.statements  # noqa: F401  these imports fill the register
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.redaction import Redactor
from oncall.probing.runner import Runner
from oncall.target.schema import Limits
from oncall.target.secrets import Secrets


@contextlib.contextmanager
def door(stack, environment=None, limits=None):
    """A function that answers look after look of one run."""
    redact = Redactor(b"salt")
    secrets = Secrets(environment or {}, None, redact.learn)
    runner = Runner(10.0, {"stack": stack, "limits": limits or Limits(), "secrets": secrets}, redact)
    try:
        yield lambda name: runner.answer(name, {})
    finally:
        runner.finish()


def ask(name, stack, environment=None, limits=None):
    """One look."""
    with door(stack, environment, limits) as answer:
        return answer(name)


def why_unknown(name, stack, environment=None, limits=None):
    """The reason for which a look could not be made, and the fact that stood in the way."""
    try:
        fact = ask(name, stack, environment, limits)
    except (CouldNotCheck, NotPart) as error:
        return f"{error} {getattr(error, 'root', '')}".strip()
    raise AssertionError(f"{name} looked: {fact}")
