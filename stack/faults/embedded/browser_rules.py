"""Ways to serve what browsers refuse, while everything works with curl."""

from stack.faults import fault
from stack.faults.embedded.frontend import asset
from stack.faults.expected.unknowns import ORIGINS
from stack.faults.tools.interposed_proxy import put_before
from stack.running import Running


@fault(
    "frontend-policy-blocks-its-scripts",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_content_policy_allows_the_page"],
)
def frontend_policy_blocks_its_scripts(stack: Running) -> None:
    """A Content-Security-Policy was deployed that names the former domain only."""
    policy = "Content-Security-Policy: default-src 'self'; script-src https://old.shop.example"
    put_before(stack, "frontend", "--only", "/$", "--set", policy)


@fault(
    "frontend-calls-a-developers-machine",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_page_calls_this_stack"],
)
def frontend_calls_a_developers_machine(stack: Running) -> None:
    """The page was built with the API's address of a developer's machine."""
    script = asset(stack, "app.*.js")
    script.write_text(script.read_text().replace('"/api/suites"', '"http://localhost:9999/api/suites"'))


@fault(
    "frontend-page-kept-for-a-year",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_page_is_not_kept_past_a_deployment"],
)
def frontend_page_kept_for_a_year(stack: Running) -> None:
    """The rule for files that never change was given to the page as well."""
    put_before(stack, "frontend", "--only", "/$", "--set", "Cache-Control: public, max-age=31536000, immutable")


@fault(
    "frontend-missing-files-are-the-page",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_missing_script_is_not_answered_with_a_page"],
)
def frontend_missing_files_are_the_page(stack: Running) -> None:
    """The rule that answers the page's own routes with the page covers the folder of its files."""
    text = "<!doctype html><html><head><title>Motel</title></head><body><h1>Motel</h1></body></html>"
    spoil = ["--status", "200", "--type", "text/html", "--text", text]
    put_before(stack, "frontend", "--only", "/assets/oncall-", *spoil)


@fault("backend-refuses-the-pages-origin", component="backend", cause_class="misconfiguration", must_fail=[ORIGINS])
def backend_refuses_the_pages_origin(stack: Running) -> None:
    """The list of allowed origins still has the former domain: whatever a page sends is answered 403."""
    put_before(
        stack, "backend", "--asked-with", "Origin", "--only", "/api/", "--status", "403", "--text", "Not allowed"
    )


@fault(
    "frontend-loads-a-script-without-tls",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=["test_secure_page_loads_nothing_without_tls"],
    words=(r"without tls|http:|mixed",),
)
def frontend_loads_a_script_without_tls(stack: Running) -> None:
    """The page moved to https, and one of its scripts is still named with http."""
    stack.edit_target("frontend.url", f"https://{stack.state['target']['frontend']['certificates'][0]}")
    page = stack.page / "index.html"
    script = f"http://localhost:{stack.ports['frontend']}/assets/statistics.js"
    page.write_text(page.read_text().replace("</head>", f'<script src="{script}" defer></script></head>'))


@fault(
    "backend-answers-no-preflight",
    component="backend",
    cause_class="misconfiguration",
    must_fail=["test_preflight_lets_the_page_in"],
    words=(r"preflight|CORS|Access-Control",),
)
def backend_answers_no_preflight(stack: Running) -> None:
    """The API got an address of its own, and nobody told it that the page comes from another one."""
    stack.edit_target("backend.public_url", stack.state["target"]["backend"]["url"])
