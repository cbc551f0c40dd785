"""Messages to people, through apprise: mail, Slack, Telegram, Matrix and a hundred more. An optional extra.

An address is a secret, because most services put their token into it: no sentence in here repeats it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from oncall.gate.patterns import Pattern

SECONDS = 10.0
ADDRESS = Pattern(r"(?P<service>[A-Za-z0-9]+)://\S+")
LONGEST = 8192  # characters
MISSING = "no message was sent: that needs apprise, so pip install 'pytest-oncall[notify]'"


def wrong_address(address: str) -> str:
    """What is wrong with an address, as the end of a sentence; empty when nothing is seen at once."""
    if ADDRESS.fullmatch(address[:LONGEST]) and address.isprintable():
        return ""
    return "must be an address as apprise writes it, such as mailto://... or slack://..."


def send(addresses: Sequence[str], title: str, text: str, sick: bool, seconds: float = SECONDS) -> list[str]:
    """Send one message to each address; returns a sentence for each that did not get it.

    seconds: all that it may take, whatever the services do.
    """
    try:
        import apprise
    except ImportError:
        return [MISSING]
    log = logging.getLogger("apprise")  # it would write addresses to the terminal
    log.addHandler(logging.NullHandler())
    log.propagate = False
    said: list[str] = [f"no answer within {seconds:g} s"] * len(addresses)

    def one(number: int, address: str) -> None:
        said[number] = _send(apprise, address, title, text, sick)

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in enumerate(addresses)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return [
        f"the message to {_service(address)} was not sent: {why}"
        for address, why in zip(addresses, tuple(said), strict=True)
        if why
    ]


def _send(apprise: Any, address: str, title: str, text: str, sick: bool) -> str:
    """Why it was not sent, or nothing."""
    # A redirect would carry the diagnosis, and the token in the address, to whoever a service names.
    one = apprise.Apprise(asset=apprise.AppriseAsset(http_redirects=False))
    if not one.add(address):
        return "apprise does not know such an address"
    kind = apprise.NotifyType.FAILURE if sick else apprise.NotifyType.SUCCESS
    try:
        sent = one.notify(body=text, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # a hundred plugins: none of them may cost the run its end
        return f"{type(error).__name__} in apprise"
    return "" if sent else "the service did not take it"


def _service(address: str) -> str:
    """ "slack": what may be said of an address."""
    found = ADDRESS.match(address[:LONGEST])
    return found["service"] if found else "an address without a service"
