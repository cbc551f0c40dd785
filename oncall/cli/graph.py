"""Who depends on whom, one line an edge, from the target file and from what the containers tell."""

import os
from collections.abc import Iterator
from pathlib import Path

from oncall.diagnosis.dependence import edges
from oncall.facts import Fact
from oncall.finding import CouldNotCheck, NotPart, ProbeCrashed
from oncall.gate.redaction import Redactor, installation_salt
from oncall.probes import every  # noqa: F401  fills the register
from oncall.probing.runner import Runner
from oncall.reporting.plain import escape_control_chars
from oncall.target.reader import Target, default_target, read_target, shown_path
from oncall.target.secrets import Secrets
from oncall.target.views import Views, parts

SECONDS = 5.0
LOOKS = ("dependences", "backend_health")
LONGEST = 200


def graph(path: Path | None) -> Iterator[str]:
    """Every component with those that it depends on, and where each edge is said; then what could not be asked.

    path: the target file; None: as a run would choose it. Raises TargetError.
    """
    target = _target(path)
    facts, missing = _looked(target)
    file = shown_path(target.path) if target.path else "the default target"
    found = edges(target.stack, facts, file)
    names = dict.fromkeys((*parts(target.stack), *(name for edge in found for name in (edge.component, edge.on))))
    width = max(map(len, names), default=0)
    for name in names:
        own = [edge for edge in found if edge.component == name]
        yield from (_line(f"{name:{width}}  ->  {edge.on:{width}}  {edge.source}") for edge in own)
        if not own:
            yield _line(f"{name:{width}}")
    yield from (_line(f"not known: {reason}") for reason in missing)


def _target(path: Path | None) -> Target:
    given = path or (Path(os.environ["ONCALL_TARGET"]) if os.environ.get("ONCALL_TARGET") else None)
    usual = Path("oncall.toml")
    return read_target(given or usual) if given or usual.exists() else default_target()


def _looked(target: Target) -> tuple[dict[str, Fact], list[str]]:
    """The facts that carry edges, and why others are not there."""
    redact = Redactor(installation_salt())
    file = Path(target.stack.secrets_file) if target.stack.secrets_file else None
    secrets = Secrets({}, file, redact.learn)
    source = shown_path(target.path) if target.path else "the default target"
    runner = Runner(
        SECONDS, {"stack": target.stack, "limits": target.limits, "secrets": secrets}, redact, source=source
    )
    views = Views(target.stack)
    wanted = [(LOOKS[0], {}), *((LOOKS[1], {"component": api}) for api in views.of("backend"))]
    try:
        for name, given in wanted:
            runner.start(name, given)
        missing = []
        for name, given in wanted:
            try:
                runner.answer(name, given)
            except (CouldNotCheck, NotPart, ProbeCrashed) as error:
                missing.append(f"{runner.key(name, given)}: {error}")
        return runner.facts(), missing
    finally:
        runner.finish()


def _line(text: str) -> str:
    return escape_control_chars(text, LONGEST).rstrip()
