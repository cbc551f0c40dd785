"""When the newest backup was written, and what the run met at the backend's door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from oncall.facts.backend import HealthAnswer
from oncall.facts.host import NewestBackup
from oncall.timeline.clock_context import Moment, Scene


def of_backup(fact: NewestBackup, scene: Scene) -> Iterator[Moment]:
    if not fact.matches:
        return
    at, within = scene.back(fact.age_seconds), scene.seconds + 1  # files have times of whole seconds
    broken = fact.reading == "broken"
    yield Moment(
        at=at,
        what="the newest backup was written, and cannot be read" if broken else "the newest backup was written",
        source="backup file",
        kind="trouble" if broken else "change",
        component="host",
        within_seconds=within,
    )
    if fact.age_hours > scene.limits.backup_age_hours:
        late = at + timedelta(hours=scene.limits.backup_age_hours)
        what = f"the newest backup became older than {scene.limits.backup_age_hours:g} h"
        yield Moment(at=late, what=what, source="backup file", component="host", within_seconds=within)


def of_backend(fact: HealthAnswer, scene: Scene) -> Iterator[Moment]:
    if fact.trouble and fact.looked_at:
        yield Moment(at=fact.looked_at, what=fact.trouble, source="this run", component="backend")
