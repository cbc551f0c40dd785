"""The login's cookie as browsers judge it: its attributes, never its value."""

from oncall.facts import Fact
from oncall.facts.http import Value, told


class SessionCookie(Fact, frozen=True, kw_only=True):
    """The cookie that carries the session.

    attributes: as the server sent them, without the value: "SameSite=None; Path=/".
    page: the address that people open. at: the host:port of the login.
    problem: why browsers do not keep or send it, as words after "session cookie"; empty: they do.
    """

    name: str
    attributes: str
    page: str
    at: str
    problem: str = ""

    def inconclusive_reason(self) -> str | None:
        return None if self.name else "no cookie was read"

    @property
    def evidence(self) -> dict[str, Value]:
        return told(cookie=self.name, attributes=self.attributes, page=self.page)
