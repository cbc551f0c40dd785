"""Running one probe by hand, the way the door does it: its fact through JSON, blindness raised."""

import inspect

import oncall.probes.http.backend
import oncall.probes.http.certificates
import oncall.probes.http.frontend
import oncall.probes.http.metrics
import oncall.probes.http.response_times  # noqa: F401  these imports fill the register
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.http.client import Http
from oncall.probing.register import PROBES
from oncall.probing.snapshot import through
from oncall.target.schema import Backend, Endpoint, Frontend, Health, Limits, Metrics, Stack, Websocket  # noqa: F401  for the tests of each probe
from oncall.target.secrets import Secrets

FAST = Limits(health_seconds=0.3, page_seconds=0.3, response_seconds=0.3)


def look(name, stack, *, limits=FAST, environment=None, ca_file="", **needs):
    """The fact of one probe; its needs are looked for first, unless they are given."""
    given = {"stack": stack, "limits": limits, "secrets": Secrets(environment or {}, None, lambda value: None), **needs}
    given.setdefault("http", Http(ca_file))
    asked = PROBES[name]
    arguments = {}
    for need in inspect.signature(asked.function).parameters:
        if need not in given:
            try:
                given[need] = look(need, **{**given, "environment": environment, "ca_file": ca_file})
            except (CouldNotCheck, NotPart) as error:
                if need not in asked.optional:
                    raise
                given[need] = error
        arguments[need] = given[need]
    fact = through(asked.function(**arguments), asked.fact, str)
    if inconclusive := fact.inconclusive_reason():
        raise CouldNotCheck(inconclusive)
    return fact


def backend(port, **parts):
    """A stack whose backend listens at a port of this host."""
    return Stack(backend=Backend(url=f"http://127.0.0.1:{port}", **parts))


def frontend(port, **parts):
    """A stack whose frontend listens at a port of this host."""
    return Stack(frontend=Frontend(url=f"http://127.0.0.1:{port}", **parts))
