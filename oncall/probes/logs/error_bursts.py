"""How often each error stands in the parts' logs, of late: of every service, declared or not."""

from collections.abc import Set
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from oncall.facts.logs import ErrorBursts, ErrorTemplate, UndeclaredErrorBursts
from oncall.probes.containers.parts import of_each, undeclared_parts
from oncall.probes.containers.services import state_of
from oncall.probes.logs.containers import OPEN_BEFORE, SECONDS, LogReader, addresses
from oncall.probes.logs.error_templates import error_templates
from oncall.probes.logs.judging import STARTING, Written
from oncall.probes.logs.own_lines import Clock
from oncall.probing.known_errors import KnownErrors
from oncall.probing.ledger import Ledger
from oncall.probing.register import probe
from oncall.runtimes.runtime import Project
from oncall.target.schema import Limits, Stack


@probe()
def error_bursts(
    service: str, limits: Limits, log_reader: LogReader, ledger: Ledger, log_clock: Clock, known_errors: KnownErrors
) -> ErrorBursts:
    """Errors in a service's log, counted by template."""
    return bursts_of(service, log_reader, limits, ledger, log_clock, known_errors)


@probe(deadline=4.0)
def undeclared_error_bursts(
    stack: Stack,
    limits: Limits,
    project: Project,
    log_reader: LogReader,
    ledger: Ledger,
    log_clock: Clock,
    known_errors: KnownErrors,
) -> UndeclaredErrorBursts:
    """The same of every service that no component names; of jobs that have done their work, nothing."""

    def look(name: str) -> ErrorBursts:
        return bursts_of(name, log_reader, limits, ledger, log_clock, known_errors, but_fatal=True)

    now, parts = datetime.now(UTC), undeclared_parts(stack, project)
    parts = {name: found for name, found in parts.items() if not all(state_of(one, now).done for one in found)}
    found, unseen = of_each(parts, look, SECONDS + 0.4)
    return UndeclaredErrorBursts(in_project=len(project.containers), parts=tuple(found.values()), unseen=unseen)


def bursts_of(
    component: str,
    reader: LogReader,
    limits: Limits,
    ledger: Ledger,
    clock: Clock,
    known: KnownErrors,
    *,
    but_fatal: bool = False,
) -> ErrorBursts:
    """Errors in the newest lines of a component's containers; raises CouldNotCheck when they cannot be read.

    but_fatal: lines that call themselves fatal are counted by another check.
    """
    written = reader.of(component)
    recent = datetime.now(UTC) - timedelta(minutes=limits.recent_minutes)
    requests = ledger.since(recent - OPEN_BEFORE, addresses(reader.stack))
    logs = [(_not_fatal(one) if but_fatal else one, _counts_since(one, recent)) for one in written]
    return ErrorBursts(
        component=component,
        containers=len(written),
        minutes=limits.recent_minutes,
        lines_read=sum(len(one.lines) for one in written),
        templates=marked(error_templates(logs, reader.role(component), requests, clock), known.of(component)),
    )


def _counts_since(one: Written, recent: datetime) -> datetime:
    """When lines begin to count: those of a start-up do not, unless it never ends."""
    return recent if one.looping or one.started_at is None else max(recent, one.started_at + STARTING)


def _not_fatal(one: Written) -> Written:
    return replace(one, lines=[line for line in one.lines if line.level != "fatal"])


def marked(templates: tuple[ErrorTemplate, ...], known: Set[str] | None) -> tuple[ErrorTemplate, ...]:
    """Those that are new among them. known: what good runs have met; None: none has read this log."""
    if known is None:
        return templates
    return tuple(replace(one, new=one.key not in known) for one in templates)
