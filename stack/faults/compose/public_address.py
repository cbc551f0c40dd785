"""nginx, in front of an API that is well: whom it does not let through."""

import json

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import PAGE
from stack.faults.expected.container_failures import BURST, of
from stack.faults.expected.unknowns import NO_PAGE, PUBLIC_API, PUBLIC_TOKEN
from stack.faults.tools.manual_fix import PROXY

API = "        proxy_pass $backend;\n    }\n\n    location ^~ /realtime"


@fault(
    "container-proxy-brings-its-own-credentials",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_token_is_accepted_through_the_public_address"],
    manual_fix=PROXY,
    words=[r"authorization", r"token"],
)
def proxy_brings_its_own_credentials(stack: DockerStack) -> None:
    """nginx logs in to the backend by a name of its own, and so puts it in the place of each user's token."""
    stack.edit_nginx(API, '        proxy_set_header Authorization "Basic cHJveHk6cHJveHk=";\n' + API)

    def by_proxy() -> int:
        headers = {"Authorization": f"Bearer {stack.token()}"}
        return stack.ask("/api/suites", port=stack.ports["frontend"], headers=headers)[0]

    stack.wait(lambda: by_proxy() == 401, "a good token to be refused")


@fault(
    "container-proxy-limits-all-as-one",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_no_rate_limit_turns_visitors_away"],
    may_fail=of("frontend", BURST),
    manual_fix=PROXY,
    words=[r"rate limit", r"limiting requests"],
)
def proxy_limits_all_as_one(stack: DockerStack) -> None:
    """nginx counts the logins of a site in place of those of a visitor: who comes next is answered 503."""
    zone = "limit_req_zone $server_name zone=logins:1m rate=1r/m;\n\n"
    login = "    location = /api/auth/login {\n        limit_req zone=logins;\n        proxy_pass $backend;\n    }\n\n"
    api = "    location ^~ /api/ {"
    stack.nginx.write_text(zone + stack.nginx.read_text().replace(api, login + api))
    stack.reload_nginx()
    body = stack.scratch / "login.json"
    body.write_text(json.dumps({"username": "guest", "password": "guest"}))
    address = f"http://127.0.0.1:{stack.ports['frontend']}/api/auth/login"
    loop = f"echo ready; while sleep 0.5; do curl -s -m 5 -o /dev/null -d @{body} {address}; done"
    stack.helper("visitors", ["sh", "-c", loop])
    stack.wait(lambda: stack.logs("frontend").count("limiting requests") > 1, "nginx to turn visitors away", 20)


@fault(
    "container-proxy-serves-a-default-page",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[PAGE, "test_handshake_succeeds_through_the_proxy"],
    unknown=[*NO_PAGE, PUBLIC_API, PUBLIC_TOKEN],
    manual_fix=PROXY,
    words=[r"default page"],
)
def proxy_serves_a_default_page(stack: DockerStack) -> None:
    """The image's own site has taken the place of ours: "It works!" at the root, and 404 for all else."""
    page = "<!DOCTYPE html><html><head><title>It works!</title></head><body><h1>It works!</h1></body></html>"
    site = f"location = / {{ default_type text/html; return 200 '{page}'; }}\n    location / {{ return 404; }}"
    stack.nginx.write_text(f"server {{\n    listen 80;\n    {site}\n}}\n")
    stack.reload_nginx()
    stack.wait(lambda: b"It works!" in stack.ask("/", port=stack.ports["frontend"])[1], "the other site to answer")
