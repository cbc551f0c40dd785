"""Ways to answer wrongly: redirects in a circle, bodies without an end, success that is none."""

from stack.faults import fault
from stack.faults.expected.unknowns import ENDPOINTS, FORGED, NO_BODY, NO_PAGE, ORIGINS, PUBLIC_API, PUBLIC_TOKEN
from stack.faults.tools.interposed_proxy import proxy, put_before
from stack.running import Running

TASKS = "test_endpoint_answers_in_time[tasks]"
MAINTENANCE = "<!doctype html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"


@fault(
    "frontend-page-redirects-in-a-circle",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_frontend_serves_its_page"],
    unknown=NO_PAGE,
)
def frontend_page_redirects_in_a_circle(stack: Running) -> None:
    """A rule that adds what another one takes away sends every browser round in a circle."""
    put_before(stack, "frontend", "--only", "/$", "--status", "301", "--set", "Location: /?")


@fault(
    "backend-health-without-end",
    component="backend",
    cause_class="code defect",
    must_fail=["test_backend_answers_its_health_check"],
    unknown=NO_BODY,
)
def backend_health_without_end(stack: Running) -> None:
    """The health check streams its answer and never ends it."""
    put_before(stack, "backend", "--only", "/health", "--endless", "--type", "application/json")


@fault("backend-endpoint-maintenance", component="backend", cause_class="misconfiguration", must_fail=[TASKS])
def backend_endpoint_maintenance(stack: Running) -> None:
    """The page of a maintenance that was forgotten answers an endpoint with 200."""
    put_before(
        stack, "backend", "--only", "/api/tasks", "--status", "200", "--type", "text/html", "--text", MAINTENANCE
    )


@fault("backend-endpoint-says-failure", component="backend", cause_class="code defect", must_fail=[TASKS])
def backend_endpoint_says_failure(stack: Running) -> None:
    """An endpoint fails, and says so in its body under a 200."""
    text = '{"success":false,"data":[]}'
    put_before(
        stack, "backend", "--only", "/api/tasks", "--status", "200", "--type", "application/json", "--text", text
    )


@fault(
    "frontend-without-api-route",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
)
def frontend_without_api_route(stack: Running) -> None:
    """The proxy lost its route for the API and answers every path of it with the page."""
    stack.restart("frontend", PROXY_PATHS="/realtime")


@fault(
    "frontend-rewrites-the-api",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
)
def frontend_rewrites_the_api(stack: Running) -> None:
    """The proxy passes paths of the API on under another name, which the backend does not know."""
    stack.restart("frontend", UPSTREAM=f"http://127.0.0.1:{rewriting(stack)}")


def rewriting(stack: Running) -> int:
    """A proxy before the backend, for the frontend alone, that asks for /v2/ in the place of /api/; its port."""
    port = stack.free_port()
    proxy(stack, "rewriting", port, "--to", str(stack.ports["backend"]), "--rewrite", "/api/=/v2/")
    return port


@fault(
    "backend-api-crashes",
    component="backend",
    cause_class="code defect",
    must_fail=["test_api_answers_requests", *ENDPOINTS],
    unknown=[PUBLIC_API, PUBLIC_TOKEN, ORIGINS, "test_issued_token_is_accepted", *FORGED],
)
def backend_api_crashes(stack: Running) -> None:
    """Every path of the API crashes on every request; login and health check go on."""
    spoil = ["--status", "500", "--text", "Internal Server Error"]
    put_before(stack, "backend", "--only", "/api/suites", "/api/tasks", *spoil)
