"""The reference stack and the runs of tests/integration, for attacks on what they diagnose."""

import pytest

from tests.integration.conftest import home, patient, runs  # noqa: F401  fixtures are found by being here
from tests.integration.playbook_runs import write_target
from tests.security.harness import attacked

PASSWORD = "correct-horse-battery"
BUDGET = 6
SILENT = ("host", "docker", "backend", "frontend", "auth", "websocket")


@pytest.fixture
def database(runs):  # noqa: F811  pytest hands the fixture over by its name
    """A run against a database alone, at this port: keys are those of [postgres]."""

    def run(port, *options, auth=False, password=PASSWORD, **keys):
        absent = {name: {"absent": not (auth and name == "auth")} for name in SILENT}
        target = write_target(
            runs.folder / "oncall.toml", {**absent, "postgres": {"host": "127.0.0.1", "port": port, **keys}}
        )
        secrets = {"ONCALL_DB_PASSWORD": password, "PGPASSWORD": "another-password"}
        return attacked(runs, target, *options, budget=BUDGET, COLUMNS="200", **secrets)

    return run
