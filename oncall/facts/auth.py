"""What is known about logging in: the login itself, a refusal, and how tokens, real and forged, are received."""

from oncall.facts import Fact
from oncall.facts.http import Exchange, Value, told
from oncall.finding import Layer, Manner

PAGE = "text/html"
COMPUTING = 0.7  # of one CPU: a hash is computed by one thread, which others may hold up


class Login(Fact, frozen=True, kw_only=True):
    """How the probe account's login was answered; never the token itself.

    body: "json", "html", "text" or "empty".
    token_place: where the token should be, as words; `seen` names what stood there instead (names, never values).
    form: it was sent as a form, not as JSON.
    csrf_place: where the CSRF token should have been ("cookie:csrftoken") when none came and no login was sent.
    back: it redirects to where the login began. login_page: the answer is a page that asks for a password.
    blames: the component that the health body accused when it was asked just before.
    set_cookies: the cookies that it set, without their values: "session; Path=/; Secure".
    """

    exchange: Exchange
    expected: tuple[int, ...]
    method: str = ""
    body: str = ""
    token_place: str = ""
    token_found: bool = False
    seen: tuple[str, ...] = ()
    form: bool = False
    csrf_place: str = ""
    back: bool = False
    login_page: bool = False
    blames: str | None = None
    set_cookies: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def problem(self) -> str | None:
        """Why nobody gets in, as words after "login"; None: the token came."""
        status = self.exchange.status
        if not self.exchange.answered:
            return self.exchange.problem
        if self.csrf_place:
            without = (
                f"without the CSRF token at {self.csrf_place}" if status < 400 else "to the request for its CSRF token"
            )
            return f"answers {status} {without}"
        if self.back:
            return f"redirects back to its login page ({status}): it refuses the probe account's name and password"
        if self.login_page and status < 400:
            return f"shows its login page again ({status}): it refuses the probe account's name and password"
        if status in self.expected:
            if self.token_found:
                return None
            what = " with an HTML page" if self.body == "html" else f" without a token in {self.token_place}"
            return f"answers {status}{what}"
        if 300 <= status < 400:
            return f"answers with a redirect ({status})"
        if status == 404:
            route = "no such route" if self.body in ("html", "text", "empty") else "no such route, or no such account"
            return f"answers 404: {route}"
        return {
            400: "does not understand the request (400)",
            401: "refuses the probe account's name and password (401)",
            403: "is forbidden to the probe account (403)",
            405: f"does not take {self.method} (405)",
            415: f"does not take {'a form' if self.form else 'JSON'} (415)",
            419: "refuses its CSRF token (419)",
            422: "does not understand the request (422)",
        }.get(status, f"fails with {status}" if status >= 500 else f"answers {status}")

    @property
    def root(self) -> str:
        """The fact that tells why a right password is refused, where the backend finds no account."""
        refused = self.back or self.login_page or self.exchange.status in (401, 403, 404)
        return "application_roles.accounts" if self.problem and refused else ""

    @property
    def manner(self) -> Manner | None:
        """An answer without a token, or a refusal, is a wrong one; else as the exchange went."""
        return self.exchange.manner or ("wrong answer" if self.exchange.answered else None)

    @property
    def layer(self) -> Layer:
        """How far it got."""
        return self.exchange.layer

    @property
    def evidence(self) -> dict[str, str | int | float]:
        values = {
            "address": self.exchange.address,
            "status": self.exchange.status or None,
            "seconds": round(self.exchange.seconds, 3),
            "body": self.body or None,
            "seen instead": ", ".join(self.seen[:5]) or None,
            "detail": self.exchange.detail or None,
        }
        return {name: value for name, value in values.items() if value is not None}


class LoginTime(Fact, frozen=True, kw_only=True):
    """How long a login took that brought a token.

    cpus: how many CPUs the backend kept busy meanwhile; None: not known.
    """

    exchange: Exchange
    cpus: float | None = None

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def computing(self) -> bool:
        """Whether a process of the backend computed nearly all the while."""
        return self.cpus is not None and self.cpus >= COMPUTING

    @property
    def symptom(self) -> str:
        took = f"login takes {self.exchange.seconds:.1f} s"
        return f"{took}, spent computing, as a password hash of too high a cost is" if self.computing else took

    @property
    def evidence(self) -> dict[str, Value]:
        return told(
            address=self.exchange.address,
            seconds=round(self.exchange.seconds, 3),
            busy_cpus=None if self.cpus is None else round(self.cpus, 2),
        )


class RefusedLogin(Fact, frozen=True, kw_only=True):
    """How an account that does not exist, with a random password, was answered.

    account: the made-up name, so that the backend's own log can be searched for it.
    token_accepted: the token that came opens what is shut without one; that of an anonymous session does not.
    back: it redirects to where the login began. login_page: the answer is a page that asks for a password.
    """

    account: str
    exchange: Exchange
    refused: tuple[int, ...]
    welcome: tuple[int, ...]
    token_found: bool = False
    token_accepted: bool = False
    back: bool = False
    login_page: bool = False
    blames: str | None = None

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def manner(self) -> Manner | None:
        """Let in, or answered as nobody should be; else as the exchange went."""
        return self.exchange.manner or ("wrong answer" if self.exchange.answered else None)

    @property
    def problem(self) -> str | None:
        """What is wrong with the answer, as words after "login"; None: it was refused."""
        status = self.exchange.status
        if not self.exchange.answered:
            return self.exchange.problem
        if self.token_accepted:
            return "issues a token for a nonexistent account"
        if status in self.refused or self.back or (self.login_page and status < 400):
            return None
        if status >= 500:
            return f"fails with {status} on an unknown account instead of refusing it"
        if status in self.welcome:
            token = "with a token that opens nothing" if self.token_found else "without a token"
            return f"answers {status} to an account that does not exist, {token}"
        return f"answers {status} to an account that does not exist"


class IssuedTokenUse(Fact, frozen=True, kw_only=True):
    """How a protected route received the token that the login had just issued.

    login_page: it shows the page that asks for a password, as it does to a request without a token.
    token_fault: the fact that tells what is wrong with the token itself ("issued_token.times"); empty: not known.
    """

    login_page: bool = False
    token_fault: str = ""
    exchange: Exchange
    accepted: tuple[int, ...]
    refused: tuple[int, ...]
    blames: str | None = None

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def is_accepted(self) -> bool:
        return self.exchange.answered and self.exchange.status in self.accepted and not self.login_page

    @property
    def manner(self) -> Manner | None:
        """A token that is refused right after it was issued is a wrong answer; else as the exchange went."""
        return self.exchange.manner or ("wrong answer" if self.exchange.answered else None)

    @property
    def problem(self) -> str | None:
        """What happened to the token, as words after "protected route"; None: it was accepted."""
        status = self.exchange.status
        if self.is_accepted:
            return None
        if not self.exchange.answered:
            return self.exchange.problem
        if self.login_page:
            return f"shows its login page to the token just issued ({status})"
        if status in self.refused:
            return f"refuses the token just issued ({status})"
        if status >= 500:
            return f"fails with {status} on the token just issued"
        return f"answers {status} to the token just issued"


class TokenSubject(Fact, frozen=True, kw_only=True):
    """Whose the token just issued is; neither name is kept.

    source: where the name was read: "claim email", "answer of /api/me". agrees: it is the account that logged in.
    """

    source: str
    agrees: bool = False

    def inconclusive_reason(self) -> str | None:
        return None if self.source else "no name was looked at"


class ForgedTokenUse(Fact, frozen=True, kw_only=True):
    """How a protected route received a token that nobody issued.

    forgery: the slug of the attempt; `words` says it as a sentence's subject: "a token signed with an empty key".
    genuine_type: the media type of the answer to the genuine token; empty: not known.
    login_page: the answer is a page that asks for a password.
    token_fault: as in IssuedTokenUse, where the forgery is a changed copy of the genuine token.
    """

    token_fault: str = ""
    forgery: str
    words: str
    exchange: Exchange
    accepted: tuple[int, ...]
    refused: tuple[int, ...]
    genuine_type: str = ""
    login_page: bool = False

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def is_accepted(self) -> bool:
        return self._welcome and not self.is_page

    @property
    def is_page(self) -> bool:
        """Whether it is answered with success and a page that is not the route's own answer: a login page, say."""
        foreign = self.exchange.media_type == PAGE and self.genuine_type != PAGE
        return self._welcome and (self.login_page or foreign)

    @property
    def _welcome(self) -> bool:
        return self.exchange.answered and self.exchange.status in self.accepted

    @property
    def is_refused(self) -> bool:
        """A status of refusal; one that is also a status of success refuses with a page only."""
        return self.exchange.answered and self.exchange.status in self.refused and not self.is_accepted

    @property
    def manner(self) -> Manner | None:
        return self.exchange.manner or ("wrong answer" if self.exchange.answered else None)

    @property
    def problem(self) -> str | None:
        """What the route does that it must not; None: it refused."""
        if self.is_refused:
            return None
        if self.is_accepted:
            return f"{self.words} is accepted"
        if self.is_page:
            return (
                f"protected route answers {self.exchange.status} with {self.page_words} to {self.words}, not a refusal"
            )
        return f"protected route fails with {self.exchange.status} on {self.words}"

    @property
    def page_words(self) -> str:
        return "a login page" if self.login_page else "an HTML page"
