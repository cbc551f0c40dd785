"""The same claims written the plain way: bench/plain_suite, a folder of tests as a good engineer writes it."""

from pathlib import Path

from bench.measure import Candidate, pytest

SUITE = Path(__file__).parent / "plain_suite"


def environment(stack):
    """What that suite reads."""
    known = stack.secrets
    return {
        "PLAIN_BACKEND": f"http://127.0.0.1:{stack.ports['backend']}",
        "PLAIN_FRONTEND": f"http://127.0.0.1:{stack.ports['frontend']}",
        "PLAIN_DSN": stack.address("oncall"),
        "PLAIN_PROJECT": stack.project,
        "PLAIN_ACCOUNT": known["ONCALL_ACCOUNT"],
        "PLAIN_PASSWORD": known["ONCALL_PASSWORD"],
        "PLAIN_METRICS_TOKEN": known["METRICS_TOKEN"],
        "PLAIN_BACKUPS": str(stack.home.backups),
        "PLAIN_DISK": str(stack.home.path),
    }


def candidate(stack, name, *selection, most=300.0, expected=0, cold=False, **more):
    """One way to run it; no plugin but the one that it needs."""
    options = ("-q", "-p", "testinfra.plugin", *selection)

    def start():
        return pytest(options, SUITE, False, cold=cold, most=most, **environment(stack), **more)

    return Candidate(name, start=start, expected=expected)
