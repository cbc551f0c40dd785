"""The certificates of the stack's TLS addresses: accepted or refused, and until when.

One handshake an address, verified as a browser verifies. When it is refused, the reason is the finding.
"""

import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from oncall.facts.frontend import Certificate, Certificates
from oncall.finding import Declared
from oncall.probes.http.client import place, trust
from oncall.probing.deadline import side_thread, wait_for
from oncall.probing.lag import stack_time
from oncall.probing.network import DeadlineNetwork, tls_words
from oncall.probing.register import probe
from oncall.target.schema import Backend, Frontend, Stack
from oncall.target.views import Views, parts

log = logging.getLogger(__name__)

SECONDS = 2.0


@probe(deadline=3.0)
def certificates(stack: Stack) -> Certificates:
    """Every certificate that the stack's addresses show."""
    addresses = watched(stack)
    if not addresses:
        raise Declared("names no TLS address (https://, wss:// or frontend.certificates)")
    authorities = (part.ca_file for part in parts(stack).values() if isinstance(part, Frontend) and part.ca_file)
    context = trust(next(authorities, ""))
    found: dict[str, tuple[bool, Certificate]] = {}

    def look(address: str) -> None:
        found[address] = seen(address, addresses[address], context)

    ends = stack_time() + SECONDS + 0.3
    wait_for([side_thread(look, one, name=f"tls {one}") for one in addresses], ends)
    late = {
        one: (False, Certificate(address=one, component=addresses[one], problem="did not answer in time"))
        for one in addresses
    }
    results = list({**late, **dict(found)}.values())
    return Certificates(
        seen=tuple(one for is_seen, one in results if is_seen),
        unreachable=tuple(one for is_seen, one in results if not is_seen),
    )


def watched(stack: Stack) -> dict[str, str]:
    """host:port of every TLS address in the target file, with the component that it belongs to."""
    found: dict[str, str] = {}
    for url, component in _urls(stack):
        if url.lower().startswith(("https://", "wss://")):
            found.setdefault(place(url)[1], component)
    for name, part in parts(stack).items():
        for address in part.certificates if isinstance(part, Frontend) else ():
            found.setdefault(address, name)
    return found


def _urls(stack: Stack) -> Iterator[tuple[str, str]]:
    """The pages' addresses before those of the APIs and sockets: a name that both have is the page's."""
    there = parts(stack)
    yield from ((part.url, name) for name, part in there.items() if isinstance(part, Frontend))
    yield from ((part.url, name) for name, part in there.items() if isinstance(part, Backend))
    views = Views(stack)
    for server in views.of("websocket"):
        view = views.about(server)
        yield view.websocket.public_url, view.named("frontend")
        yield view.websocket.url, view.named("websocket")


def seen(address: str, component: str, context: ssl.SSLContext) -> tuple[bool, Certificate]:
    """Whether a certificate was shown at host:port, and what is to be said of it."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    wire = DeadlineNetwork(SECONDS)

    def one(problem: str) -> Certificate:
        log.info("TLS %s: %s", address, problem)
        return Certificate(address=address, component=component, problem=problem)

    try:
        stream = wire.connect_tcp(host, int(port)).start_tls(context, host)
    except TimeoutError:
        return False, one(f"gave no answer within {SECONDS:g} s")
    except ssl.SSLCertVerificationError as error:
        return True, one(f"is refused: {tls_words(error)}")
    except ssl.SSLError as error:
        return True, one(f"shows none: {tls_words(error)}")
    except ConnectionRefusedError:
        return False, one("refuses connections")
    except socket.gaierror:
        return False, one("does not resolve")
    except (OSError, UnicodeError) as error:
        return False, one(f"cannot be reached: {str(getattr(error, 'strerror', '') or type(error).__name__).lower()}")
    shown = stream.sock
    ends_text = str((shown.getpeercert() or {}).get("notAfter", "")) if isinstance(shown, ssl.SSLSocket) else ""
    stream.close()
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends_text), UTC) if ends_text else None
    days = (ends - datetime.now(UTC)).total_seconds() / 86400 if ends else None
    log.info("TLS %s: good until %s", address, ends)
    return True, Certificate(address=address, component=component, ends=ends, days_left=days)
