"""One look at a patient on this host, under limits that a test can wait for."""

from oncall import testing
from oncall.target.schema import Backend, Endpoint, Frontend, Health, Limits, Metrics, Stack, Websocket  # noqa: F401  for the tests of each probe

FAST = Limits(health_seconds=0.3, page_seconds=0.3, response_seconds=0.3)


def look(name, stack, *, limits=FAST, environment=None, endpoint=None, **given):
    """The fact of one probe; what it needs is looked for, unless it is given."""
    parameters = {"endpoint": endpoint} if endpoint else {}
    return testing.look(name, stack, limits=limits, environment=environment, given=given, **parameters)


def backend(port, **parts):
    """A stack whose backend listens at a port of this host."""
    return Stack(backend=Backend(url=f"http://127.0.0.1:{port}", **parts))


def frontend(port, **parts):
    """A stack whose frontend listens at a port of this host."""
    return Stack(frontend=Frontend(url=f"http://127.0.0.1:{port}", **parts))
