"""`python -m stack up | status | down | break FAULT... | heal | faults`, with --docker under Compose."""

import argparse
import importlib
import os
import signal
import sys
import time
from typing import Any, Literal

from stack.state import Home, StackError


def main() -> int:
    arguments = _arguments()
    for name in list(os.environ):  # nothing of the shell's may reach the stack
        if name.startswith("PG") or name.lower().endswith("_proxy"):
            del os.environ[name]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)
    try:
        return int(_do(arguments) or 0)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "stack":
            raise
        print(f"stack: the package {error.name} is missing: pip install -e '.[stack]'", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stack: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"stack: {error.strerror or error}{where}", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("STACK_DEBUG"):
            raise
        what = " ".join(str(error).split())
        print(f"stack: unexpected {type(error).__name__}: {what} (STACK_DEBUG=1 shows where)", file=sys.stderr)
        return 1


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m stack",
        description="The reference stack: of ordinary processes, or with --docker of containers under Compose.",
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="up|status|down|break|heal|faults|image|compose-v2"
    )
    docker = argparse.ArgumentParser(add_help=False)
    docker.add_argument("--docker", action="store_true", help="the stack under Compose")
    verbs.add_parser("up", help="start it and wait until it is healthy", parents=[docker])
    verbs.add_parser("status", help="a line a part", parents=[docker])
    verbs.add_parser("down", help="end it and leave nothing behind", parents=[docker])
    verbs.add_parser("heal", help="undo every fault", parents=[docker])
    verbs.add_parser("faults", help="list the ways to break it", parents=[docker])
    verbs.add_parser("break", help="break it", parents=[docker]).add_argument("fault", nargs="*")
    verbs.add_parser("image", help="make the containers' images from Debian's packages")
    verbs.add_parser("compose-v2", help="fetch Compose v2 from Debian's package and print its path")
    return parser.parse_args()


def _do(arguments: argparse.Namespace) -> int | None:
    from stack import faults

    if arguments.verb in ("image", "compose-v2"):
        return _prepare(arguments.verb)
    home = Home()
    mode = _mode(arguments, home)
    if arguments.verb == "faults":
        return faults.show(mode)
    chosen = faults.named(arguments.fault, mode) if arguments.verb == "break" else []

    lifecycle = importlib.import_module("stack.docker.lifecycle" if mode == "docker" else "stack.lifecycle")
    start = time.monotonic()
    if arguments.verb == "status":
        lines = lifecycle.status(home)
        print("\n".join(lines) or "there is no stack")
        return 0 if lines and not any(" DOWN " in line for line in lines) else 1
    with home.lock():
        if arguments.verb == "down":
            lifecycle.down(home, _tell)
        elif arguments.verb == "break":
            faults.inject(lifecycle.running(home), chosen, _tell)
        else:
            stack = (lifecycle.up if arguments.verb == "up" else lifecycle.heal)(home, _tell)
            print("\n".join(lifecycle.status(home)))
            _tell(f"healthy after {time.monotonic() - start:.1f} s; its target file is {stack.home.target}")
    return 0


def _mode(arguments: argparse.Namespace, home: Home) -> Literal["embedded", "docker"]:
    """What was asked for; else what is there."""
    if arguments.docker:
        return "docker"
    try:
        state = home.read() or {}
    except StackError:  # damaged: the verb itself will say so, and `down` removes what belongs to it
        return "docker" if (home.path / "compose.env").exists() else "embedded"
    if arguments.verb == "up" and state.get("mode") == "docker":
        raise StackError("a stack on Docker is there: end it with `python -m stack down`, or name another STACK_HOME")
    return "docker" if state.get("mode") == "docker" else "embedded"


def _prepare(verb: str) -> int:
    from stack.docker import compose, engine, image

    if verb == "compose-v2":
        print(compose.fetch())
    else:
        engine.require()
        print("\n".join(image.debian(_tell).values()))
    return 0


def _tell(text: str) -> None:
    print(f"stack: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
