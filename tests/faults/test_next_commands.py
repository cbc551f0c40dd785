"""What is printed as "next" can be typed: the same text in every output, and it ends as its step says.

One fault in `make test`, one of each kind in `make catalogue`; all of them, as a table: `python -m bench next`.
"""

import pytest

import stack.docker.lifecycle
from bench import next_commands
from bench.next_commands import in_the_page, on_the_terminal
from stack import faults
from tests.faults.both import one_here

CATALOGUE = faults.catalogue("docker")
FEW = {
    "container-frontend-paused": "service-down",
    "container-log-unhandled": "fatal-log",
    "container-log-failed-migration": "migrations",
    "container-secret-missing": "jwt-secret",
    "container-bundle-missing": "frontend-build",
    "undeclared-worker-crashed": "undeclared-service",
}


@pytest.fixture(scope="module")
def life():
    """Containers instead of ordinary processes."""
    return stack.docker.lifecycle


@pytest.mark.docker
@pytest.mark.parametrize("name", one_here(FEW))
def test_the_next_commands_are_the_same_everywhere_and_end_as_said(home, life, name):
    """Terminal, page and result print one text; each of its lines is typed, and exits with one of the step's codes."""
    row = next_commands.row(home, CATALOGUE[name])
    life.heal(home, lambda line: None)

    assert FEW[name] in {step.section for step in row.steps}
    assert row.as_said, "\n".join(next_commands.told(row))
    assert all(step.as_typed for step in row.steps)


def test_what_stands_beside_next_is_read_as_it_stands():
    """Several lines, several causes; what comes behind a cause belongs to no command."""
    said = "P1 x\nnext     a 'b'\n           c\nthen     PLAYBOOK.md x\n\nP2 y\nnext     d\nFAILED   e\n         f\n"

    assert on_the_terminal(said) == ["a 'b'\n  c", "d"]


def test_what_stands_below_type_next_is_read_as_it_stands():
    """The steps of a recovery are commands too, and are not meant."""
    page = '<h4>Type next</h4><pre class="oncall-command"><code>a &lt;b&gt;\nc</code></pre><pre><code>no</code></pre>'

    assert in_the_page(page) == ["a <b>\nc"]
