"""The page as nginx serves it from its image."""

from stack.docker.running import OURS, DockerStack
from stack.faults import fault
from stack.faults.compose.starts import PAGE, noticed
from stack.faults.expected.container_failures import HEALTHY, of
from stack.faults.expected.unknowns import NO_PAGE

BUILD = "test_scripts_and_styles_are_served"


@fault("container-bundle-missing", component="frontend", mode="docker", cause_class="missing file", must_fail=[BUILD])
def bundle_missing(stack: DockerStack) -> None:
    """The frontend's image was built badly: the script that its page names is not in it."""
    badly_built(stack, "rm /usr/share/nginx/html/assets/*.js")
    stack.wait_healthy("frontend", 30)  # Docker asks for the page alone


@fault(
    "container-page-missing",
    component="frontend",
    mode="docker",
    cause_class="missing file",
    must_fail=[PAGE, *of("frontend", HEALTHY)],
    unknown=NO_PAGE,
)
def page_missing(stack: DockerStack) -> None:
    """The frontend's image holds no page: nginx has nothing to serve."""
    stack.edit_compose("services.frontend.healthcheck", {"start_period": "1s"})
    badly_built(stack, "rm /usr/share/nginx/html/index.html")
    noticed(stack, "frontend")


def badly_built(stack: DockerStack, mistake: str) -> None:
    """The frontend as an image of this stack's own with a mistake in it, and nothing mounted over its page."""
    name = f"{stack.project}-frontend"
    file = f"FROM {stack.state['images']['frontend']}\nRUN {mistake}\n"
    stack.docker("build", "-q", "-t", name, "--label", f"{OURS}={stack.project}", "-", give=file.encode())
    stack.edit_compose("services.frontend.image", name)
    stack.edit_compose("services.frontend.build.labels", {OURS: stack.project})
    stack.edit_compose("services.frontend.volumes", None)
    stack.recreate("frontend", wait=False)
    stack.wait(lambda: stack.inspect("frontend")["State"]["Running"], "the frontend to run", 20)
