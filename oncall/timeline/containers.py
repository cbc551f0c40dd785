"""When containers were made, started and ended, when their health turned, and who was killed for lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from oncall.facts.containers import ContainerState, DockerEngine, ServiceContainers, ServiceHealth, exit_words
from oncall.facts.oom import EngineEvent, OomKill, OomKills
from oncall.facts.undeclared import UndeclaredService
from oncall.timeline.clock_context import ClockContext, TimelineEntry

STATE = "container state"
EVENT = "engine event"
SLACK = timedelta(seconds=2)  # between the moment of a start and what is told of it
SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    6: "SIGABRT",
    9: "SIGKILL",
    10: "SIGUSR1",
    12: "SIGUSR2",
    15: "SIGTERM",
}
STARTED_BY = {"container": "Docker", "unit": "systemd", "process": "its supervisor"}
NO_MEMORY = "killed for lack of memory"


def of_engine(fact: DockerEngine, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if fact.problem and fact.looked_at:
        yield TimelineEntry(at=fact.looked_at, what=fact.problem, source="this run", component="docker")


def of_containers(fact: ServiceContainers, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if clocks.services.get(fact.component) is not fact:  # two looks at the same containers
        return
    if isinstance(fact, UndeclaredService) and not fact.sick(clocks.limits.restarts):
        return
    for one in fact.containers:
        name = f" ({one.name})" if len(fact.containers) > 1 else ""
        for moment in _life(one, fact, clocks):
            yield replace(moment, what=moment.what + name, component=fact.component, of=one.id)


def _life(one: ContainerState, fact: ServiceContainers, clocks: ClockContext) -> Iterator[TimelineEntry]:
    def at(topic: str, what: str, moment: datetime, problem: bool = False) -> TimelineEntry:
        told = TimelineEntry(at=moment, what=what, source=STATE, kind="problem" if problem else "change", topic=topic)
        return clocks.placed(told, "engine")

    if one.created_at:
        yield at("create", f"container made anew{_image(one, fact)}", one.created_at)
    if one.started_at:
        times = f" again by {STARTED_BY[one.kind]}, restart {one.restarts}" if one.restarts else ""
        yield at("start", f"started{times}", one.started_at)
    elif one.up_seconds is not None:
        yield TimelineEntry(
            at=clocks.back(one.up_seconds),
            what="started",
            source=STATE,
            kind="change",
            within_seconds=clocks.seconds,
            topic="start",
        )
    if one.status == "created" and (one.finished_at or one.created_at):
        yield at("start", one.problem, one.finished_at or one.created_at or clocks.started, problem=True)
    elif one.finished_at or one.ended_seconds_ago is not None:
        yield from _end(one, clocks)


def _image(one: ContainerState, fact: ServiceContainers) -> str:
    """Told only where it differs from the image of an older replica."""
    older = [
        each for each in fact.containers if each.created_at and one.created_at and each.created_at < one.created_at
    ]
    other = next((each.image for each in older if each.image != one.image), "")
    return f" from another image: {one.image[:80]} instead of {other[:80]}" if other else ""


def _end(one: ContainerState, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Its last end: problem while it has not been started since, or when it starts and ends again and again."""
    down = one.status in ("exited", "dead", "removing", "restarting")
    loops = one.looping(clocks.limits.restarts)
    words = f"ended with {exit_words(one.exit_code, one.kind)}" if down else "ended"
    moment = TimelineEntry(
        at=one.finished_at or clocks.back(one.ended_seconds_ago or 0.0),
        what=f"{words}, after {one.restarts} restarts by {STARTED_BY[one.kind]}" if loops else words,
        source=STATE,
        kind="problem" if down or loops else "change",
        topic="end",
        within_seconds=0.0 if one.finished_at else clocks.seconds,
    )
    placed = clocks.placed(moment, "engine") if one.finished_at else moment
    yield placed
    if down and one.oom_killed and one.exit_code == 137:
        yield replace(placed, what=NO_MEMORY, aspect="memory", weight=1)


def of_health(fact: ServiceHealth, clocks: ClockContext) -> Iterator[TimelineEntry]:
    for one in fact.containers:
        if one.failing_since:
            times = f" of {one.streak} in a row" if one.streak > 1 else ""
            name = f" ({one.name})" if len(fact.containers) > 1 else ""
            moment = TimelineEntry(
                at=one.failing_since,
                what=f"health check failed for the first time{times}{name}",
                source="health log",
                component=fact.component,
                within_seconds=one.since_within_seconds,
                topic="health",
                of=one.id,
            )
            yield clocks.placed(moment, "engine")


def of_kills(fact: OomKills, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Kills that count now. Of those without a time it is only known that they lie behind us."""
    counting = [one for one in fact.kills if one.counts(clocks.limits.recent_minutes)]
    dated = {one.id for one in counting if one.at or one.age_seconds is not None}
    for one in counting:
        moment = TimelineEntry(
            at=one.at or clocks.back(one.age_seconds or 0.0),
            what=_killed(one),
            source=one.source,
            component=one.component,
            topic="end",
            of=one.id,
            aspect="memory",
            weight=int(one.whole),
        )
        if one.at:
            yield clocks.placed(moment, "us" if one.source == "kernel log" else "engine")
        elif one.age_seconds is not None:
            yield replace(moment, within_seconds=clocks.seconds)
        elif one.id not in dated:
            words = f"{moment.what} at some time since its last start"
            yield replace(moment, what=words, within_seconds=one.longest_seconds or 0.0, topic="", aspect="")
    for event in fact.events:
        yield from _event(event, fact, clocks)


def _killed(one: OomKill) -> str:
    words = NO_MEMORY if one.whole else f"a process was {NO_MEMORY}"
    return words if one.component != "docker" else f"{one.service}: {words}"


def _event(event: EngineEvent, fact: OomKills, clocks: ClockContext) -> Iterator[TimelineEntry]:
    told = {
        "create": ("create", f"container made anew{_other_image(event, fact)}", False),
        "start": ("start", "started", False),
        "die": ("end", "ended" if event.exit_code is None else f"ended with {exit_words(event.exit_code)}", True),
        "oom": ("end", f"a process was {NO_MEMORY}", True),
        "kill": ("kill", f"was sent {_signal(event.signal)} by somebody", False),
        "pause": ("pause", "paused by somebody", True),
        "unpause": ("pause", "unpaused by somebody", False),
        "update": ("update", "limits changed by somebody", False),
        "destroy": ("destroy", "container removed by somebody", True),
        "health_status: unhealthy": ("unhealthy", "called unhealthy by Docker", True),
    }.get(event.action)
    if told is None:
        return
    topic, what, bad = told
    problem = bad and not _over(event, fact, clocks)
    if event.action == "oom" and not problem:  # no change that anybody has made
        return
    moment = TimelineEntry(
        at=event.at,
        what=what,
        source=EVENT,
        kind="problem" if problem else "change",
        component=event.component,
        topic=topic,
        of=event.id,
        aspect="memory" if event.action == "oom" else "",
    )
    yield clocks.placed(moment, "engine")


def _signal(number: int | None) -> str:
    return "a signal" if number is None else SIGNALS.get(number, f"signal {number}")


def _other_image(event: EngineEvent, fact: OomKills) -> str:
    """Told where the component's container that went before had another image."""
    before = [
        one for one in fact.events if one.component == event.component and one.id != event.id and one.at <= event.at
    ]
    other = before[-1].image if before else ""
    differs = other and event.image and other != event.image
    return f" from another image: {event.image[:80]} instead of {other[:80]}" if differs else ""


def _over(event: EngineEvent, fact: OomKills, clocks: ClockContext) -> bool:
    """Whether something has happened since that makes it history."""
    later = [one for one in fact.events if one.component == event.component and one.at > event.at]
    same = {one.action for one in later if one.id == event.id}
    state = clocks.containers.get(event.id)
    if state is None:  # the container is gone: over when there is another one
        service = clocks.services.get(event.component)
        return bool(service.containers) if service else any(one.action == "start" for one in later)
    if event.action == "pause":
        return "unpause" in same or state.status != "paused"
    if event.action == "health_status: unhealthy" and "health_status: healthy" in same:
        return True
    by_docker = state.restarts and (event.action == "oom" or state.status not in ("running", "paused"))
    if state.looping(clocks.limits.restarts) or by_docker:  # Docker's own start is no mend
        return False
    return "start" in same or bool(state.started_at and event.at < state.started_at - SLACK)
