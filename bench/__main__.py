"""`python -m bench` (how fast, as ratios), `healthy` (how steady, 20 runs idle and 20 busy; --docker: under Compose),
`docker` (what 100 containers of other projects, an engine that never answers, and endless logs cost)."""

import argparse
import signal
import sys

from bench import containers, speed, steadiness
from bench.measure import NotMeasured
from stack.state import StackError

VERBS = {"speed": speed.measure, "healthy": steadiness.measure, "docker": containers.measure}


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.replace("`", ""))
    parser.add_argument("verb", nargs="?", choices=VERBS, default="speed")
    parser.add_argument("--rounds", type=int, help="how often everything is run (12; 20 for healthy)")
    parser.add_argument("--docker", action="store_true", help="healthy: the stack under Compose")
    parser.add_argument("--no-logs", action="store_true", help="docker: leave the gigabyte of log out")
    arguments = parser.parse_args()
    for flag, verb in (("docker", "healthy"), ("no_logs", "docker")):
        if getattr(arguments, flag) and arguments.verb != verb:
            parser.error(f"--{flag.replace('_', '-')} goes with {verb}")
    wanted = {"count": arguments.rounds, "docker": arguments.docker, "without_logs": arguments.no_logs}
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(130))  # the stack is taken down on the way out
    try:
        return VERBS[arguments.verb](**{name: value for name, value in wanted.items() if value})
    except (StackError, NotMeasured) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
