"""How a proxy comes to stand in front of a part: the part moves, the proxy takes its port. No fault of its own."""

import http.client

from stack.running import Running
from stack.state import StackError


def put_before(stack: Running, part: str, *spoil: str) -> int:
    """A proxy on the part's port, that asks the part at its new one; returns the new one."""
    port = move(stack, part)
    proxy(stack, f"before-{part}", stack.ports[part], "--to", str(port), *spoil)
    return port


def move(stack: Running, part: str) -> int:
    """The part listens elsewhere from now on; whoever asked it at its old port gets nobody."""
    port = stack.free_port()
    stack.restart(part, wait=False, PORT=str(port))
    stack.wait(lambda: answers(stack, part, port), f"{part} answers on port {port}")
    return port


def proxy(stack: Running, name: str, port: int, *spoil: str) -> None:
    stack.helper(name, ["python", "-m", "stack.faults.tools.proxy", "--listen", str(port), *spoil])


def answers(stack: Running, part: str, port: int) -> bool:
    """Any answer will do."""
    if not stack.lives(part):
        raise StackError(f"{part} did not start")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health" if part == "backend" else "/")
        return bool(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
