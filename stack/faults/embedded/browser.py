"""Ways to break what only a browser meets: `--active browser`."""

from stack.faults import fault
from stack.faults.tools.interposed_proxy import put_before
from stack.running import Running

OFFLINE = "test_page_shows_no_offline_indicator"
LOGIN = "test_login_through_the_page_works"
ERRORS = "test_page_logs_no_errors"
REQUESTS = "test_page_has_no_failed_requests"
BY_READING = ["test_content_policy_allows_the_page", "test_page_calls_this_stack"]  # seen without a browser
STAGING = "https://staging.motel.example"


@fault("websocket-refuses-the-pages-origin", component="websocket", cause_class="misconfiguration", active="browser",
       must_fail=[OFFLINE, REQUESTS])  # fmt: skip
def websocket_refuses_the_pages_origin(stack: Running) -> None:
    """The socket allows staging's origin only, and so did whoever tried it by hand."""
    stack.edit_target("websocket.origin", STAGING)
    stack.restart("backend", WEBSOCKET_ORIGINS=STAGING)


@fault("frontend-script-throws", component="frontend", cause_class="code defect", active="browser",
       must_fail=[ERRORS])  # fmt: skip
def frontend_script_throws(stack: Running) -> None:
    """The new bundle calls a function that it does not have, after the login."""
    call = "connect(token, document"
    put_before(stack, "frontend", "--only", "/assets/app", "--replace", call, f"startTracking(); {call}")


@fault("frontend-policy-blocks-its-script", component="frontend", cause_class="misconfiguration", active="browser",
       must_fail=[REQUESTS, LOGIN], may_fail=BY_READING, unknown=[OFFLINE])  # fmt: skip
def frontend_policy_blocks_its_script(stack: Running) -> None:
    """A Content-Security-Policy was added that forbids the page's own scripts."""
    put_before(stack, "frontend", "--set", "Content-Security-Policy: script-src 'none'")


@fault("frontend-calls-another-origin", component="frontend", cause_class="misconfiguration", active="browser",
       must_fail=[ERRORS, REQUESTS], may_fail=BY_READING)  # fmt: skip
def frontend_calls_another_origin(stack: Running) -> None:
    """The bundle was built with the developer's own API address in it."""
    old = 'fetch("/api/suites"'
    put_before(stack, "frontend", "--only", "/assets/app", "--replace", old, 'fetch("http://localhost:9/api/suites"')
