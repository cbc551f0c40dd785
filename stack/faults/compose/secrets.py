"""The signing secret as the container has it: missing, blank, too short."""

import secrets

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.tools.manual_fix import COMPOSE_FILE

SET = "test_jwt_secret_is_set"
DEFAULT = "test_jwt_secret_is_not_a_default"
LENGTH = "test_jwt_secret_is_long_enough"
SAME = "test_jwt_secret_is_the_same_everywhere"
SIGNATURE = "test_token_is_signed_with_the_current_secret"


@fault(
    "container-secret-missing",
    component="auth",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[SET, "test_forged_tokens_are_refused[empty-key]"],
    unknown=[DEFAULT, LENGTH, SIGNATURE, SAME],
)
def secret_missing(stack: DockerStack) -> None:
    """The backend's container was made without its secret."""
    stack.restart("backend", JWT_SECRET=None)


@fault(
    "container-secret-blank",
    component="auth",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[SET],
    unknown=[DEFAULT, LENGTH, SIGNATURE, SAME],
    manual_fix=COMPOSE_FILE,
)
def secret_blank(stack: DockerStack) -> None:
    """The backend's container has blanks for a secret."""
    stack.edit_compose("services.backend.environment", {"JWT_SECRET": "   "})
    stack.recreate("backend")


@fault("container-secret-short", component="auth", mode="docker", cause_class="misconfiguration", must_fail=[LENGTH])
def secret_short(stack: DockerStack) -> None:
    """The secret in the backend's container is too short for its hash."""
    stack.restart("backend", JWT_SECRET=secrets.token_urlsafe(9))
