"""`oncall checks` lists the checks that would run here; `oncall checks --graph` prints who depends on whom, and why."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from oncall.cli.graph import graph
from oncall.target.reader import TargetError


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 4 when the target cannot be read."""
    parser = argparse.ArgumentParser(prog="oncall", description="an incident playbook that runs")
    commands = parser.add_subparsers(dest="command", required=True)
    checks = commands.add_parser("checks", help="the checks that would run here, and the graph of the stack")
    checks.add_argument("--graph", action="store_true", help="who depends on whom, and where each edge comes from")
    checks.add_argument("--target", type=Path, metavar="FILE", help="default: $ONCALL_TARGET, then oncall.toml")
    asked, others = parser.parse_known_args(words)
    if not asked.graph:
        target = [f"--target={asked.target}"] if asked.target else []
        return int(pytest.main(["--collect-only", "-q", *target, *others]))
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        for line in graph(asked.target):
            sys.stdout.write(f"{line}\n")
    except TargetError as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0
