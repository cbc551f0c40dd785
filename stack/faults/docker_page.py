"""The page as nginx serves it from its container."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.docker_starts import PAGE
from stack.faults.shadows import NO_PAGE

BUILD = "test_scripts_and_styles_are_served"


@fault("container-bundle-missing", component="frontend", mode="docker", cause_class="missing file", must_fail=[BUILD])
def bundle_missing(stack: DockerStack) -> None:
    """The page was built anew while nginx served it: the script that it names is gone."""
    for script in (stack.page / "assets").glob("*.js"):
        script.unlink()


@fault(
    "container-page-missing",
    component="frontend",
    mode="docker",
    cause_class="missing file",
    must_fail=[PAGE],
    unknown=NO_PAGE,
)
def page_missing(stack: DockerStack) -> None:
    """The frontend's image holds no page: nginx has nothing to serve."""
    (stack.page / "index.html").unlink()
