"""What a real browser saw of the page."""

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.http import Value, told

CORS_KINDS = ("fetch", "xhr")


class ConsoleError(Struct, frozen=True, kw_only=True):
    """An error in the page's console, or an exception that nothing caught. source: the script's address."""

    text: str
    source: str = ""


class FailedRequest(Struct, frozen=True, kw_only=True):
    """A request of the page that failed.

    url: without its query. status: of the answer, 0 when none came. why: the browser's own word ("csp",
    "net::ERR_CONNECTION_REFUSED"). kind: what asked: "script", "fetch", "websocket".
    """

    method: str
    url: str
    status: int = 0
    why: str = ""
    kind: str = ""

    @property
    def words(self) -> str:
        """As words of a sentence: "script http://x/app.js: blocked by the page's Content-Security-Policy"."""
        if self.status:
            how = f"answered {self.status}"
        elif self.why == "csp":
            how = "blocked by the page's Content-Security-Policy"
        elif self.why == "net::ERR_FAILED" and self.kind in CORS_KINDS:
            how = "blocked by the browser (CORS, or no answer that it may read)"
        else:
            how = self.why.removeprefix("net::") or "failed"
        return f"{self.kind or self.method} {self.url}: {how}"


class BrowserPage(Fact, frozen=True, kw_only=True):
    """The page as a browser showed it, after a login where the target file says how.

    problem: why it did not open. asked_login: a login was wanted; login: "" it worked, "form" its fields are not there,
    "refused" nobody was in afterwards; login_answer: the status of what was sent, as text.
    offline: whether the indicator shows; None: nothing says what it looks like, or it could not be looked for.
    foreign: hosts that the page names and that are none of this stack's: they were not asked.
    """

    address: str
    opened: bool = False
    status: int = 0
    problem: str = ""
    asked_login: bool = False
    login: str = ""
    login_answer: str = ""
    offline: bool | None = None
    errors: tuple[ConsoleError, ...] = ()
    failed: tuple[FailedRequest, ...] = ()
    foreign: tuple[str, ...] = ()
    seconds: float = 0.0

    def inconclusive_reason(self) -> str | None:
        return None if self.opened else f"the browser could not open the page: {self.problem or 'it told nothing'}"

    @property
    def login_problem(self) -> str | None:
        """Why nobody got in through the page, as words after "login through the page"; None: it worked."""
        if self.login == "form":
            return "finds no form to fill in"
        if self.login:
            answered = (
                f" (its request was answered {self.login_answer})" if self.login_answer else " (no request was sent)"
            )
            return f"does not lead in{answered}"
        return None

    @property
    def own_errors(self) -> tuple[ConsoleError, ...]:
        """The errors that name no request of `failed`: what a browser writes of such a request tells the same."""
        return tuple(one for one in self.errors if not any(failed.url in one.text for failed in self.failed))

    @property
    def said_of_requests(self) -> str:
        """The browser's words on the first failed request; empty: it wrote none."""
        return next((one.text for one in self.errors if self.failed and self.failed[0].url in one.text), "")

    @property
    def only_sockets_failed(self) -> bool:
        """Whether no other request failed than WebSockets, whose story the offline indicator tells."""
        return all(one.kind == "websocket" for one in self.failed)

    @property
    def requests_root(self) -> str:
        """Where requests that fail are told nearer to their cause: by the offline indicator, by the rule that a browser
        has applied, else by what the page calls."""
        if self.only_sockets_failed:
            return "page_online"
        rules = {"csp": "page_rules.blocked", "mixed-content": "page_rules.insecure"}
        applied = (rules[one.why] for one in self.failed if one.why in rules)
        return next(applied, "page_rules.unreachable")

    @property
    def console_root(self) -> str:
        """An error beside a request that failed mostly is that request's."""
        return "browser_page" if self.failed and not self.only_sockets_failed else ""

    @property
    def login_root(self) -> str:
        """Where a login that leads nowhere is told nearer to its cause: the API's answer, a request that failed before,
        an error of the page's own script."""
        if self.login_answer:
            return "login"
        if self.failed and not self.only_sockets_failed:
            return "browser_page"
        return "page_console" if self.own_errors else ""

    @property
    def evidence(self) -> dict[str, Value]:
        return told(
            address=self.address,
            errors="; ".join(one.text for one in self.errors[:2]),
            failed_requests="; ".join(one.words for one in self.failed[:3]),
            hosts_not_asked=", ".join(self.foreign[:4]),
        )

    @property
    def first_error(self) -> str:
        return self.errors[0].text if self.errors else ""
