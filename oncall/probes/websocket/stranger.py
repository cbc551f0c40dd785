"""A socket opened with a token that nobody issued.

Where the token goes into the handshake, that is refused, or the socket is closed; where it goes into the first message
anybody may open the socket, and the message must not be answered as a user's is.
"""

from oncall.facts.websocket import Handshake, StrangerSocket, close_words
from oncall.finding import CouldNotCheck, Declared
from oncall.probes.auth.forgery import made_up
from oncall.probes.websocket import handshake as direct
from oncall.probes.websocket.session import Library, Session
from oncall.probing.ledger import Ledger
from oncall.probing.register import client, probe
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets


@client(of="websocket")
def socket_token_place(stack: Stack) -> str:
    """Where the socket's token goes; asked first, since what is not part of the stack must not count as unknown."""
    if stack.websocket.absent:
        raise Declared("says that this stack has no WebSocket")
    if not direct.wants_token(stack.websocket):
        raise Declared(f"says that this socket takes no token ({stack.key('websocket.token_in')})")
    return stack.websocket.token_in if stack.websocket.token_in != "none" else "message"  # noqa: S105  a place


@probe(of="websocket", deadline=direct.OPEN_SECONDS + direct.ANSWER_SECONDS + 2 * direct.GRACE)
def stranger_socket(
    socket_token_place: str,
    stack: Stack,
    secrets: Secrets,
    websocket_library: Library,
    ledger: Ledger,
    socket_token: str,
    direct_handshake: Handshake,
) -> StrangerSocket:
    """How the socket receives a made-up token."""
    if not direct_handshake.succeeded:
        raise CouldNotCheck("a refusal proves nothing while the genuine token is refused", root="direct_handshake")
    socket, token = stack.websocket, made_up(socket_token)
    secrets.learn(token)
    first = secrets.expand(socket.first_message, TOKEN=token)
    offered = direct.offer(stack, secrets, socket.url, token)
    handshake, session = direct.opened(stack, websocket_library, ledger, offered, with_token=True)
    if session is None:
        if handshake.outcome not in ("status", "eof", "reset"):
            raise CouldNotCheck(f"with a made-up token the websocket {handshake.problem}")
        return StrangerSocket(address=handshake.address, sent_in=socket_token_place, how=handshake.problem or "")
    try:
        let_in, how = _received(session, first, socket.first_answer_contains)
    finally:
        session.close(direct.GRACE)
    if let_in is None:
        if socket_token_place == "message":  # noqa: S105  a place
            key = stack.key("websocket.first_answer_contains")
            raise CouldNotCheck(
                f"the websocket keeps a made-up token's socket open without a word: set {key}", setting=key
            )
        let_in = True
    return StrangerSocket(address=handshake.address, sent_in=socket_token_place, how=how, let_in=let_in)


def _received(session: Session, message: str, answer: str) -> tuple[bool | None, str]:
    """Whether a socket was treated as a user's, and what happened; None: it merely stayed open."""
    if message:
        session.send_text(message)
    wanted = answer.encode()
    right = session.wait(lambda: bool(answer) and any(wanted in one for one in session.messages), direct.ANSWER_SECONDS)
    if right:
        return True, "answers the first message as it does to users"
    if session.close_code is not None:
        return False, f"is closed ({close_words(session.close_code)})"
    return (False, "does not answer as it does to users") if message and answer else (None, "stays open")
