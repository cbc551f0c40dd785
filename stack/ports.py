"""Which ports the stack listens on: the usual ones when they are free, others when they are not."""

import errno
import random
import socket
from collections.abc import Collection, Iterable
from contextlib import closing

from stack.state import StackError

USUAL = {"postgres": 5432, "backend": 3001, "frontend": 3000, "tls": 3443}
BELOW_EPHEMERAL = range(20_000, 32_000)  # so that no outgoing connection takes it while a part restarts


def choose(claimed: Collection[int] = ()) -> dict[str, int]:
    """A port for each listener, none of the claimed ones."""
    chosen: dict[str, int] = {}
    for name, usual in USUAL.items():
        free = usual not in claimed and is_free(usual)
        chosen[name] = usual if free else other([*chosen.values(), *claimed])
    return chosen


def other(taken: Iterable[int] = ()) -> int:
    """A free port of no special meaning."""
    busy = set(taken)
    for port in random.sample(BELOW_EPHEMERAL, 200):
        if port not in busy and is_free(port):
            return port
    raise StackError("no free port was found on this machine")


def is_free(port: int) -> bool:
    """Nobody listens there, on either loopback address."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            trial = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        with closing(trial):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:  # a machine without IPv6 has no ::1
                    return False
    return True
