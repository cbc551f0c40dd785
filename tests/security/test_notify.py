"""What is told to people goes where somebody has sent it: no service can send it on."""

import pytest

from oncall.notify.heartbeat import call
from oncall.notify.messaging import send
from tests.integration.playbook_runs import write_target
from tests.listening import listening
from tests.security.harness import attacked

SECRET = "diagnosis-4711"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("service", ["json", "xml", "form"])
def test_a_message_is_not_redirected(status, service):
    """307 and 308 would have carried all of it; the address is not repeated, the failure is told."""
    with listening() as other, listening(status, headers=[("Location", f"{other.url}/there")]) as server:
        told = send([f"{server.url.replace('http', service)}/{SECRET}"], "P1 postgres", "text", sick=True)

    assert other.calls == []
    assert len(server.calls) == 1
    assert told == [f"the message to {service} was not sent: the service did not take it"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_heartbeat_is_not_redirected(status):
    """It carries the diagnosis as its body."""
    with listening() as other, listening(status, headers=[("Location", f"{other.url}/there")]) as server:
        told = call(f"{server.url}/{SECRET}", 1, "text")

    assert other.calls == []
    assert f"it answers {status}, a redirect" in told
    assert SECRET not in told


def test_a_whole_run_tells_nobody_else(runs):
    """As typed: --notify and --ping, both answered with a redirect."""
    absent = {name: {"absent": True} for name in ("docker", "host", "postgres", "frontend", "auth", "websocket")}
    with listening() as other, listening(307, headers=[("Location", f"{other.url}/there")]) as server:
        target = write_target(runs.folder / "target.toml", absent | {"backend": {"url": "http://127.0.0.1:9"}})
        notify = f"--notify={server.url.replace('http', 'json')}/{SECRET}"
        run = attacked(runs, target, notify, f"--ping={server.url}/{SECRET}", budget=4)

    assert run.outcome.code == 1
    assert other.calls == []
    assert {call.path for call in server.calls} == {f"/{SECRET}", f"/{SECRET}/1"}
    assert not [name for name, output in run.outputs.items() if SECRET in output]
    assert "a redirect" in run.outcome.screen
