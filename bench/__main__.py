"""`python -m bench` (how fast, beside its rivals, as ratios; --docker: only under Compose), `healthy` (how steady, 20
runs idle and 20 busy; --docker), `busy` (what is said of a healthy stack beside ten busy processes; --docker),
`accuracy` (how often the diagnosis is right: every fault, double faults, red
benign, healthy runs; --docker), `cost` (what one run costs the stack; --docker), `docker` (what 100 containers of
other projects, an engine that never answers, and endless logs cost), `held-out` (the same of
faults that the diagnosis has not learned from, scored strictly, alone and in pairs; --mode embedded, docker or two),
`recovery` (whether the playbook's steps heal the
stack under Compose, after every fault or those that are named), `next` (whether the commands that are printed first are
the same everywhere and end as their step says, after every such fault or those that are named), `own-traffic` (whether
our own requests become a finding: 30 runs in a row in each form of log, with slow logins, and three --wait on a broken
database), `services` (how `-m p1` grows from 3 to 50 services of one project)."""

import argparse
import signal
import sys

from bench import (
    accuracy,
    busy,
    containers,
    cost,
    held_out,
    next_commands,
    own_traffic,
    recovery,
    services,
    speed,
    steadiness,
)
from bench.measure import NotMeasured
from stack.state import StackError

VERBS = {
    "speed": speed.measure,
    "healthy": steadiness.measure,
    "busy": busy.measure,
    "docker": containers.measure,
    "services": services.measure,
}
VERBS |= {
    "recovery": recovery.measure,
    "next": next_commands.measure,
    "own-traffic": own_traffic.measure,
    "cost": cost.measure,
    "accuracy": accuracy.measure,
    "held-out": held_out.measure,
}


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.replace("`", ""))
    parser.add_argument("verb", nargs="?", choices=VERBS, default="speed")
    parser.add_argument("--rounds", type=int, help="how often (4; docker 12, healthy and busy 20, own-traffic 30)")
    parser.add_argument(
        "--docker", action="store_true", help="speed, healthy, busy, cost, accuracy: the stack under Compose"
    )
    parser.add_argument("--no-logs", action="store_true", help="docker: leave the gigabyte of log out")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="speed: these parts; recovery, next, accuracy, held-out: these faults only; one+other is both at once",
    )
    parser.add_argument("--mode", choices=held_out.MODES, help="held-out: this kind of stack alone (all)")
    parser.add_argument("--result", help="speed, recovery, next, cost, accuracy, held-out: write the table as JSON")
    parser.add_argument("--healthy", type=int, help="accuracy: how many runs of a healthy stack (100; with names: 0)")
    parser.add_argument("--busy", type=int, help="accuracy: how many of them with every core busy (20)")
    parser.add_argument("--sample", type=int, help="accuracy: so many of all cases, at equal distances (all)")
    parser.add_argument("--jobs", type=int, help="accuracy: how many stacks side by side (1)")
    parser.add_argument("--lossy", action="store_true", help="recovery: type the steps that lose data, too")
    arguments = parser.parse_intermixed_args()  # names may stand behind flags
    goes_with = {"docker": ("speed", "healthy", "busy", "recovery", "next", "cost", "accuracy"), "no_logs": ("docker",)}
    goes_with["lossy"] = ("recovery",)
    goes_with |= {"names": ("speed", "recovery", "next", "accuracy", "held-out"), "mode": ("held-out",)}
    goes_with |= {"result": ("speed", "recovery", "next", "cost", "accuracy", "held-out")}
    goes_with |= dict.fromkeys(("healthy", "busy", "jobs", "sample"), ("accuracy",))
    for flag, verbs in goes_with.items():
        if getattr(arguments, flag) and arguments.verb not in verbs:
            parser.error(f"{'--' if flag != 'names' else ''}{flag.replace('_', '-')} goes with {' and '.join(verbs)}")
    wanted = {"count": arguments.rounds, "docker": arguments.docker, "without_logs": arguments.no_logs}
    wanted |= {"names": arguments.names, "result": arguments.result, "lossy": arguments.lossy}
    wanted |= {"healthy": arguments.healthy, "busy": arguments.busy, "jobs": arguments.jobs}
    wanted |= {"mode": arguments.mode, "sample_of": arguments.sample}
    signal.signal(signal.SIGTERM, ended)
    try:
        return VERBS[arguments.verb](**{name: each for name, each in wanted.items() if each or type(each) is int})
    except (StackError, NotMeasured) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


def ended(number, frame):
    """The stack is taken down on the way out."""
    print("bench: ended by SIGTERM", file=sys.stderr)
    sys.exit(130)


if __name__ == "__main__":
    sys.exit(main())
