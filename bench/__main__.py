"""`python -m bench` (how fast, as ratios) and `python -m bench healthy` (how steady, 20 runs idle and 20 busy)."""

import argparse
import signal
import sys

from bench import speed, steadiness
from bench.measure import NotMeasured
from stack.state import StackError

VERBS = {"speed": speed.measure, "healthy": steadiness.measure}


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.replace("`", ""))
    parser.add_argument("verb", nargs="?", choices=VERBS, default="speed")
    parser.add_argument("--rounds", type=int, help="how often everything is run (12; 20 for healthy)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(130))  # the stack is taken down on the way out
    try:
        return VERBS[arguments.verb](*([arguments.rounds] if arguments.rounds else []))
    except (StackError, NotMeasured) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
