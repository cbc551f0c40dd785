"""The reference stack and the runs of tests/integration, for attacks on what they diagnose."""

from tests.integration.conftest import home, patient, runs  # noqa: F401  fixtures are found by being here
