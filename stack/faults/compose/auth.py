"""The signing secret, in the containers and in the file that they are made from."""

import secrets

from stack.docker.running import DockerStack
from stack.faults import fault


@fault(
    "container-secret-default",
    component="auth",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_jwt_secret_is_not_a_default", "test_jwt_secret_is_long_enough"],
)
def secret_default(stack: DockerStack) -> None:
    """The backend was deployed with the secret of the example."""
    stack.restart("backend", JWT_SECRET="your-secret-key")


@fault(
    "container-secret-changed-in-the-file",
    component="auth",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_jwt_secret_is_the_same_everywhere"],
)
def secret_changed_in_the_file(stack: DockerStack) -> None:
    """Somebody changed JWT_SECRET in the env file, and the backend still runs with the old one."""
    stack.edit_env("backend", JWT_SECRET=secrets.token_urlsafe(48))


@fault(
    "container-secret-differs-between-replicas",
    component="auth",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_jwt_secret_is_the_same_everywhere"],
)
def secret_differs(stack: DockerStack) -> None:
    """A second backend was started with another secret than the first; the proxy does not know it yet."""
    first = str(stack.inspect("backend")["Name"]).lstrip("/")
    stack.edit_nginx("backend:3001", f"{first}:3001")
    before = stack.env("backend")["JWT_SECRET"]
    stack.edit_env("backend", JWT_SECRET=secrets.token_urlsafe(48))
    stack.scale("backend", 2)
    stack.edit_env("backend", JWT_SECRET=before)
