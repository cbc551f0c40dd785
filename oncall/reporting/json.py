"""The run as one JSON object, for machines: a pipeline, a chat bot, the comparison of two nights."""

from __future__ import annotations

from typing import Any

import msgspec

from oncall.verdict import Run, ordered

VERSION = 1  # raised when a member changes its meaning or goes; new members may come at any time


def document(run: Run) -> dict[str, Any]:
    """The run in plain JSON types.

    version         1
    stack, started (ISO 8601, UTC), seconds, replayed_from, selection, host, versions, trouble, report, interrupted,
    budget          as in `oncall.verdict.Run`
    counts          how many checks ended as failed, unknown, error, accepted, skipped, passed
    verdicts        one object a check, worst first, as in `oncall.verdict.Verdict`: check, nodeid, severity, outcome,
                    claim, playbook, symptom, evidence, component, blames, reason, accepted (reason, until), position,
                    probes (name, seconds, log)

    Text stands here as it was seen (redacted, never made visible): escaping is the writer's work.
    """
    from oncall.reporting.outline import counts

    plain: dict[str, Any] = msgspec.to_builtins(run, builtin_types=())
    plain["verdicts"] = msgspec.to_builtins(ordered(run.verdicts), builtin_types=())
    return {"version": VERSION, **plain, "counts": counts(run.verdicts)}
