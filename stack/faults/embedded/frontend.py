"""Ways to break the frontend: the page, what the page names, its certificate, and its proxy to the backend."""

import datetime
import os
import resource
import shutil
from pathlib import Path

import trustme

from stack.faults import fault
from stack.faults.expected.container_failures import OPEN_FILES, of
from stack.faults.expected.process_failures import gone, without
from stack.faults.expected.unknowns import NO_PAGE, PUBLIC_API, PUBLIC_TOKEN, SILENT_FRONTEND
from stack.faults.tools.interposed_proxy import move, proxy, put_before
from stack.running import Running

PAGE = "test_frontend_serves_its_page"
BUILD = "test_scripts_and_styles_are_served"
DECORATIONS = "test_images_fonts_and_icons_are_served"
CERTIFICATES = "test_certificates_are_not_near_their_end"
MISSING = "test_missing_script_is_not_answered_with_a_page"
PROXY = "test_handshake_succeeds_through_the_proxy"
GATEWAY_ERROR = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
WELCOME = "<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>"


# ---- the process


@fault(
    "frontend-killed",
    component="frontend",
    cause_class="stopped",
    must_fail=[*gone("frontend"), PAGE],
    unknown=[*without("frontend"), *SILENT_FRONTEND],
)
def frontend_killed(stack: Running) -> None:
    """The frontend's process was killed and nothing started it again."""
    stack.kill("frontend")


@fault(
    "frontend-paused",
    component="frontend",
    cause_class="hung",
    must_fail=[*gone("frontend"), PAGE],
    unknown=[*without("frontend", frozen=True), *SILENT_FRONTEND],
)
def frontend_paused(stack: Running) -> None:
    """The frontend hangs: its port accepts, nothing answers."""
    stack.pause("frontend")


@fault(
    "frontend-wrong-port",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PAGE],
    unknown=[*NO_PAGE, PROXY, PUBLIC_API, PUBLIC_TOKEN],
)
def frontend_wrong_port(stack: Running) -> None:
    """The last deploy told the frontend to listen on another port."""
    move(stack, "frontend")


# ---- the page


@fault("frontend-page-missing", component="frontend", cause_class="missing file", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_missing(stack: Running) -> None:
    """The build left no index.html."""
    (stack.page / "index.html").unlink()


@fault("frontend-page-empty", component="frontend", cause_class="corrupt file", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_empty(stack: Running) -> None:
    """A full disk left an empty index.html."""
    (stack.page / "index.html").write_text("")


@fault(
    "frontend-page-without-content", component="frontend", cause_class="corrupt file", must_fail=[PAGE], unknown=NO_PAGE
)
def frontend_page_without_content(stack: Running) -> None:
    """The build wrote a page with nothing in it."""
    (stack.page / "index.html").write_text("<!doctype html><html><head><title></title></head><body></body></html>")


@fault("frontend-page-is-an-error", component="frontend", cause_class="wrong file", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_is_an_error(stack: Running) -> None:
    """A gateway's error page is served with status 200."""
    (stack.page / "index.html").write_text(GATEWAY_ERROR)


@fault(
    "frontend-page-is-the-welcome", component="frontend", cause_class="wrong file", must_fail=[PAGE], unknown=NO_PAGE
)
def frontend_page_is_the_welcome(stack: Running) -> None:
    """The web server was deployed without our page, and shows its own."""
    (stack.page / "index.html").write_text(WELCOME)


@fault("frontend-page-as-text", component="frontend", cause_class="misconfiguration", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_as_text(stack: Running) -> None:
    """The page is served as plain text, so browsers show its source."""
    put_before(stack, "frontend", "--only", "/$", "--set", "Content-Type: text/plain")


@fault("frontend-gateway-error", component="frontend", cause_class="stopped", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_gateway_error(stack: Running) -> None:
    """The gateway in front of the page answers 502: what it asks is not there."""
    put_before(stack, "frontend", "--only", "/$", "--status", "502", "--type", "text/html", "--text", GATEWAY_ERROR)


@fault("frontend-page-crashes", component="frontend", cause_class="code defect", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_crashes(stack: Running) -> None:
    """The server that renders the page crashes on it."""
    put_before(stack, "frontend", "--only", "/$", "--status", "500", "--text", "Internal Server Error")


@fault("frontend-page-slow", component="frontend", cause_class="slow", must_fail=[PAGE])
def frontend_page_slow(stack: Running) -> None:
    """The page takes longer than its limit."""
    put_before(stack, "frontend", "--only", "/$", "--delay", "2.2")


@fault("frontend-page-cut", component="frontend", cause_class="network", must_fail=[PAGE], unknown=NO_PAGE)
def frontend_page_cut(stack: Running) -> None:
    """The page breaks off in the middle."""
    put_before(stack, "frontend", "--only", "/$", "--cut", "200")


# ---- what the page names


@fault("frontend-script-missing", component="frontend", cause_class="missing file", must_fail=[BUILD])
def frontend_script_missing(stack: Running) -> None:
    """The page names a script of a build that is not there any more."""
    asset(stack, "app.*.js").unlink()


@fault("frontend-script-is-the-page", component="frontend", cause_class="wrong file", must_fail=[BUILD])
def frontend_script_is_the_page(stack: Running) -> None:
    """The server answers a missing script with the page itself."""
    shutil.copy(stack.page / "index.html", asset(stack, "app.*.js"))


@fault("frontend-script-empty", component="frontend", cause_class="corrupt file", must_fail=[BUILD])
def frontend_script_empty(stack: Running) -> None:
    """A full disk left an empty script."""
    asset(stack, "app.*.js").write_text("")


@fault("frontend-script-as-text", component="frontend", cause_class="misconfiguration", must_fail=[BUILD])
def frontend_script_as_text(stack: Running) -> None:
    """The scripts have the wrong content type, so browsers do not run them."""
    put_before(stack, "frontend", "--only", r"/assets/.*\.js", "--set", "Content-Type: text/plain")


@fault("frontend-preload-missing", component="frontend", cause_class="missing file", must_fail=[BUILD])
def frontend_preload_missing(stack: Running) -> None:
    """A script that another one imports is missing."""
    asset(stack, "realtime.*.js").unlink()


@fault("frontend-style-missing", component="frontend", cause_class="missing file", must_fail=[BUILD])
def frontend_style_missing(stack: Running) -> None:
    """The stylesheet is missing."""
    asset(stack, "style.*.css").unlink()


@fault("frontend-scripts-hang", component="frontend", cause_class="hung", must_fail=[BUILD], unknown=[MISSING])
def frontend_scripts_hang(stack: Running) -> None:
    """The page opens, its scripts never come."""
    put_before(stack, "frontend", "--only", r"/assets/.*\.js", "--blackhole")


@fault("frontend-assets-missing", component="frontend", cause_class="missing file", must_fail=[BUILD, DECORATIONS])
def frontend_assets_missing(stack: Running) -> None:
    """The folder with everything that the page names was not deployed."""
    shutil.rmtree(stack.page / "assets")


@fault("frontend-image-missing", component="frontend", cause_class="missing file", must_fail=[DECORATIONS])
def frontend_image_missing(stack: Running) -> None:
    """The logo is missing."""
    asset(stack, "logo.*.svg").unlink()


@fault("frontend-image-empty", component="frontend", cause_class="corrupt file", must_fail=[DECORATIONS])
def frontend_image_empty(stack: Running) -> None:
    """The logo is an empty file."""
    asset(stack, "logo.*.svg").write_text("")


@fault("frontend-font-missing", component="frontend", cause_class="missing file", must_fail=[DECORATIONS])
def frontend_font_missing(stack: Running) -> None:
    """The font is missing, so the text looks wrong."""
    asset(stack, "motel.*.woff2").unlink()


@fault("frontend-icon-missing", component="frontend", cause_class="missing file", must_fail=[DECORATIONS])
def frontend_icon_missing(stack: Running) -> None:
    """The icon of the browser's tab is missing."""
    (stack.page / "favicon.ico").unlink()


@fault("frontend-images-as-text", component="frontend", cause_class="misconfiguration", must_fail=[DECORATIONS])
def frontend_images_as_text(stack: Running) -> None:
    """The images have the wrong content type."""
    put_before(stack, "frontend", "--only", r"/assets/.*\.(svg|png)", "--set", "Content-Type: text/html")


# ---- the certificate


@fault("frontend-certificate-ends-soon", component="frontend", cause_class="certificate", must_fail=[CERTIFICATES])
def frontend_certificate_ends_soon(stack: Running) -> None:
    """Nobody renewed the certificate: it ends in three days."""
    certify(stack, days=3)


@fault("frontend-certificate-expired", component="frontend", cause_class="certificate", must_fail=[CERTIFICATES])
def frontend_certificate_expired(stack: Running) -> None:
    """The certificate ended yesterday."""
    certify(stack, days=-1)


@fault(
    "frontend-certificate-of-another-name", component="frontend", cause_class="certificate", must_fail=[CERTIFICATES]
)
def frontend_certificate_of_another_name(stack: Running) -> None:
    """The certificate of another site was deployed."""
    certify(stack, name="shop.example")


@fault("frontend-certificate-not-trusted", component="frontend", cause_class="certificate", must_fail=[CERTIFICATES])
def frontend_certificate_not_trusted(stack: Running) -> None:
    """The certificate is signed by an authority that nobody trusts."""
    certify(stack, trusted=False)


@fault("frontend-tls-port-speaks-plain", component="frontend", cause_class="misconfiguration", must_fail=[CERTIFICATES])
def frontend_tls_port_speaks_plain(stack: Running) -> None:
    """The TLS port was configured without TLS."""
    stack.restart("frontend", TLS_CERTIFICATE=None, TLS_KEY=None)
    proxy(stack, "plain", stack.ports["tls"], "--to", str(stack.ports["frontend"]))


@fault("frontend-tls-port-closed", component="frontend", cause_class="misconfiguration", unknown=[CERTIFICATES])
def frontend_tls_port_closed(stack: Running) -> None:
    """The TLS port is not there any more."""
    stack.restart("frontend", TLS_CERTIFICATE=None, TLS_KEY=None)


# ---- the way to the backend


@fault(
    "frontend-wrong-upstream",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PROXY, PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
)
def frontend_wrong_upstream(stack: Running) -> None:
    """The proxy was configured with a port where no backend listens."""
    stack.restart("frontend", UPSTREAM=f"http://127.0.0.1:{stack.free_port()}")


@fault("frontend-without-upgrade", component="frontend", cause_class="misconfiguration", must_fail=[PROXY])
def frontend_without_upgrade(stack: Running) -> None:
    """The proxy does not pass the upgrade headers on."""
    stack.restart("frontend", UPGRADE_PATHS="/none")


@fault("frontend-without-realtime-route", component="frontend", cause_class="misconfiguration", must_fail=[PROXY])
def frontend_without_realtime_route(stack: Running) -> None:
    """The proxy lost its route for the socket and answers with the page."""
    stack.restart("frontend", PROXY_PATHS="/api/", UPGRADE_PATHS="/none")


@fault(
    "frontend-upstream-hangs",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PROXY, PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
)
def frontend_upstream_hangs(stack: Running) -> None:
    """The proxy was pointed at something that accepts and never answers."""
    port = stack.free_port()
    proxy(stack, "nobody", port, "--blackhole")
    stack.restart("frontend", UPSTREAM=f"http://127.0.0.1:{port}")


@fault(
    "frontend-upstream-timeout",
    component="frontend",
    cause_class="misconfiguration",
    must_fail=[PROXY, PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
)
def frontend_upstream_timeout(stack: Running) -> None:
    """The proxy waits for a slow upstream too shortly and answers 504."""
    port = stack.free_port()
    proxy(stack, "slow", port, "--to", str(stack.ports["backend"]), "--delay", "1.5")
    stack.restart("frontend", UPSTREAM=f"http://127.0.0.1:{port}", UPSTREAM_TIMEOUT_SECONDS="0.5")


@fault("frontend-swallows-messages", component="frontend", cause_class="network", must_fail=[PROXY])
def frontend_swallows_messages(stack: Running) -> None:
    """The socket opens through the proxy, and what the server says is kept back."""
    put_before(stack, "frontend", "--only", "/realtime", "--swallow", "all")


def asset(stack: Running, pattern: str) -> Path:
    """The one file of the build that matches."""
    (found,) = (stack.page / "assets").glob(pattern)
    return found


def certify(stack: Running, *, days: float = 365, name: str = "localhost", trusted: bool = True) -> None:
    """Another certificate in the frontend; its authority is trusted in the place of the former, or not."""
    authority = trustme.CA(organization_name="Motel")
    now = datetime.datetime.now(datetime.UTC)
    certificate = authority.issue_cert(
        name, not_before=now - datetime.timedelta(days=400), not_after=now + datetime.timedelta(days=days)
    )
    tls = stack.home.tls
    if trusted:
        authority.cert_pem.write_to_path(tls / "ca.pem")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(tls / "frontend.pem", append=number > 0)
    certificate.private_key_pem.write_to_path(tls / "frontend.key")
    stack.restart("frontend")


SPARE = 5  # files that it may open before its limit


@fault(
    "frontend-no-further-file",
    component="frontend",
    cause_class="resource exhaustion",
    must_fail=[PAGE, *of("frontend", OPEN_FILES)],
    unknown=SILENT_FRONTEND,
)
def frontend_no_further_file(stack: Running) -> None:
    """The proxy was started with a limit of open files that is used up: it accepts no further connection."""
    process = stack.process("frontend")
    most = max(map(int, os.listdir(f"/proc/{process.pid}/fd"))) + SPARE
    process.rlimit(resource.RLIMIT_NOFILE, (most, most))
    port = str(stack.ports["frontend"])
    stack.helper("visitors", ["python", "-m", "stack.faults.tools.sockets", port, str(most)])
    stack.wait(lambda: process.num_fds() == most, "every file is in use")

    def silent() -> bool:
        try:
            return not stack.ask("/", port=stack.ports["frontend"], timeout=2)[0]
        except OSError:
            return True

    stack.wait(silent, "the page does not come")
