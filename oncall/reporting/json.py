"""The run as one JSON object, for machines: a pipeline, a chat bot, the comparison of two nights.

`result.schema.json` beside this file is its JSON Schema, made from the records (`make index`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from oncall.diagnosis.cause import Cause, Diagnosis
from oncall.results.record import RunRecord
from oncall.verdict import ordered

VERSION = 2  # raised when a member changes its meaning or goes; new members may come at any time


def document(run: RunRecord) -> dict[str, Any]:
    """The run in plain JSON types.

    version         1
    stack, started (ISO 8601, UTC), seconds, replayed_from, commands_from, selection, host, versions, problem, report,
    interrupted, budget, name, target
                    as in `oncall.results.record.Run`
    comparison      with the last run of its kind, as in `oncall.results.comparison.Comparison`, or null
    errors          kinds of errors in each quiet log, as in `oncall.results.precedents`
    counts          how many checks ended as failed, unknown, error, accepted, skipped, passed
    causes          one object a cause, most urgent first, as in `oncall.diagnosis.cause.Cause`; findings, consequences
                    and blocked are names of checks
    timeline        one object a moment, as in `oncall.timeline.merge.Event`
    verdicts        one object a check, worst first, as in `oncall.verdict.Verdict`: check, nodeid, severity, outcome,
                    claim, playbook, symptom, evidence, component, blames, layer, manner, corroboration, ambiguity,
                    statement, speaker, address, outage, reason, accepted (reason, until), position, probes (name,
                    seconds, log)

    Text stands here as it was seen (redacted, never made visible): escaping is the writer's work.
    """
    from oncall.reporting.summary import counts

    about = replace(run, verdicts=(), facts={}, diagnosis=Diagnosis(), timeline=())
    plain: dict[str, Any] = msgspec.to_builtins(about, builtin_types=())
    del plain["facts"], plain["diagnosis"]
    plain["causes"] = [_cause(cause) for cause in run.diagnosis.causes]
    plain["timeline"] = msgspec.to_builtins(run.timeline, builtin_types=())
    plain["verdicts"] = msgspec.to_builtins(ordered(run.verdicts), builtin_types=())
    return {"version": VERSION, **plain, "counts": counts(run.verdicts)}


def _cause(cause: Cause) -> dict[str, Any]:
    """A cause with the names of its checks: what they said stands under verdicts."""
    plain: dict[str, Any] = msgspec.to_builtins(replace(cause, findings=(), consequences=(), blocked=()))
    groups = {"findings": cause.findings, "consequences": cause.consequences, "blocked": cause.blocked}
    return plain | {name: [verdict.check for verdict in verdicts] for name, verdicts in groups.items()}
