"""What Docker's inspect says, as our records: pure, and forgiving about what an engine leaves out."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from oncall.facts.containers import HealthStatus, Status
from oncall.probes.runtime import Attachment, Container, Health, Mount, Network, Volume

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead", "stopping")
HEALTH = ("starting", "healthy", "unhealthy")
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
NANO = 1e9
DEFAULT_SECONDS = 30.0


def moment(text: object) -> datetime | None:
    """An engine's time, None for year 1, which means never."""
    found = TIME.fullmatch(str(text or ""))
    if not found or found[1].startswith("0001-"):
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    return datetime.fromisoformat(f"{found[1]}.{(found[2] or '')[:6]:0<6}{zone}").astimezone(UTC)


def container(inspected: Mapping[str, Any]) -> Container:
    """One container."""
    state, config = inspected.get("State") or {}, inspected.get("Config") or {}
    host, network = inspected.get("HostConfig") or {}, inspected.get("NetworkSettings") or {}
    labels = config.get("Labels") or {}
    logs = host.get("LogConfig") or {}
    status = str(state.get("Status") or "")
    return Container(
        id=str(inspected["Id"]),
        name=str(inspected.get("Name") or "").lstrip("/"),
        service=str(labels.get(SERVICE) or ""),
        number=str(labels.get("com.docker.compose.container-number") or ""),
        image=str(config.get("Image") or ""),
        status=cast(Status, status if status in STATUSES else ""),
        error=" ".join(str(state.get("Error") or "").split()),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        restarts=int(inspected.get("RestartCount") or 0),
        restart_policy=str((host.get("RestartPolicy") or {}).get("Name") or ""),
        created_at=moment(inspected.get("Created")),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        process=int(state.get("Pid") or 0),
        health=_health(state.get("Health"), config.get("Healthcheck") or {}, moment(state.get("StartedAt"))),
        environment=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
        mounts=tuple(_mount(one) for one in inspected.get("Mounts") or ()) + _tmpfs(host, inspected),
        networks={
            name: Attachment(
                network_id=str(one.get("NetworkID") or ""),
                address=str(one.get("IPAddress") or one.get("GlobalIPv6Address") or ""),
                aliases=tuple(dict.fromkeys([*(one.get("Aliases") or ()), *(one.get("DNSNames") or ())])),
            )
            for name, one in (network.get("Networks") or {}).items()
        },
        network_mode=str(host.get("NetworkMode") or ""),
        extra_hosts=tuple(map(str, host.get("ExtraHosts") or ())),
        ports={
            port: tuple(f"{one.get('HostIp') or '0.0.0.0'}:{one.get('HostPort')}" for one in published or ())  # noqa: S104
            for port, published in (network.get("Ports") or {}).items()
        },
        memory_limit=int(host.get("Memory") or 0),
        cpus=_cpus(host),
        pids_limit=max(0, int(host.get("PidsLimit") or 0)),
        shared_memory=int(host.get("ShmSize") or 0),
        log_driver=str(logs.get("Type") or ""),
        log_options=dict(logs.get("Config") or {}),
        terminal=bool(config.get("Tty")),
        config_hash=str(labels.get("com.docker.compose.config-hash") or ""),
        labels=labels,
    )


def _health(health: Mapping[str, Any] | None, declared: Mapping[str, Any], started: datetime | None) -> Health | None:
    status = str((health or {}).get("Status") or "")
    if not health or status not in HEALTH:
        return None
    last = (health.get("Log") or [{}])[-1] or {}
    interval = _seconds(declared.get("Interval"))
    timeout = _seconds(declared.get("Timeout"))
    start = float(declared.get("StartPeriod") or 0) / NANO
    since, within = _failing(health, started, interval)
    return Health(
        status=cast(HealthStatus, status),
        streak=int(health.get("FailingStreak") or 0),
        exit_code=int(last["ExitCode"]) if "ExitCode" in last else None,
        output=" ".join(str(last.get("Output") or "").split())[:200],
        starting_seconds=start + (int(declared.get("Retries") or 0) or 3) * (interval + timeout),
        failing_since=since,
        since_within_seconds=within,
    )


def _failing(health: Mapping[str, Any], started: datetime | None, interval: float) -> tuple[datetime | None, float]:
    """When the first of the failures in a row ended, and how much earlier things may have gone wrong.

    The engine keeps five results. What is older is counted back by the pace of those, but not past the last start.
    """
    streak = int(health.get("FailingStreak") or 0)
    ends: list[datetime] = []
    took = 0.0
    for one in reversed((health.get("Log") or ())[-streak:] if streak else ()):
        begun, ended = moment(one.get("Start")), moment(one.get("End"))
        if begun is None or ended is None or not one.get("ExitCode") or (started and begun < started):
            break
        ends.insert(0, ended)
        took = max(0.0, (ended - begun).total_seconds())
    if not ends:
        return None, 0.0
    forgotten = streak - len(ends)
    if forgotten <= 0:
        return ends[0], round(took, 3)
    pace = (ends[-1] - ends[0]).total_seconds() / (len(ends) - 1) if len(ends) > 1 else interval
    since = ends[0] - timedelta(seconds=forgotten * pace)
    return max(since, started) if started else since, round(pace + took, 3)


def _seconds(nanoseconds: object) -> float:
    return float(str(nanoseconds)) / NANO if nanoseconds else DEFAULT_SECONDS


def _mount(one: Mapping[str, Any]) -> Mount:
    return Mount(
        kind=str(one.get("Type") or ""),
        name=str(one.get("Name") or ""),
        source=str(one.get("Source") or ""),
        destination=str(one.get("Destination") or ""),
        writable=bool(one.get("RW")),
        driver=str(one.get("Driver") or ""),
    )


def _tmpfs(host: Mapping[str, Any], inspected: Mapping[str, Any]) -> tuple[Mount, ...]:
    """`--tmpfs` stands in the host's settings only."""
    known = {one.get("Destination") for one in inspected.get("Mounts") or ()}
    return tuple(
        Mount(kind="tmpfs", name="", source="", destination=path, writable="ro" not in str(options).split(","))
        for path, options in (host.get("Tmpfs") or {}).items()
        if path not in known
    )


def _cpus(host: Mapping[str, Any]) -> float | None:
    """How many CPUs it may use: a quota, or the CPUs that it is pinned to."""
    allowed: list[float] = []
    if nano := int(host.get("NanoCpus") or 0):
        allowed.append(nano / NANO)
    if (quota := int(host.get("CpuQuota") or 0)) > 0:
        allowed.append(quota / (int(host.get("CpuPeriod") or 0) or 100_000))
    if pinned := str(host.get("CpusetCpus") or ""):
        ranges = [part.partition("-")[::2] for part in pinned.split(",") if part]
        allowed.append(float(sum(int(last or first) - int(first) + 1 for first, last in ranges)))
    return min(allowed) if allowed else None


def network(listed: Mapping[str, Any]) -> Network:
    """One network."""
    pools = (listed.get("IPAM") or {}).get("Config") or ()
    return Network(
        id=str(listed.get("Id") or ""),
        name=str(listed.get("Name") or ""),
        driver=str(listed.get("Driver") or ""),
        subnets=tuple(str(pool["Subnet"]) for pool in pools if pool.get("Subnet")),
        internal=bool(listed.get("Internal")),
        project=str((listed.get("Labels") or {}).get(PROJECT) or ""),
    )


def volume(listed: Mapping[str, Any]) -> Volume:
    """One volume."""
    name = str(listed.get("Name") or "")
    return Volume(
        name=name,
        driver=str(listed.get("Driver") or ""),
        mountpoint=str(listed.get("Mountpoint") or ""),
        anonymous=bool(ANONYMOUS.fullmatch(name)),
        options=dict(listed.get("Options") or {}),
        project=str((listed.get("Labels") or {}).get(PROJECT) or ""),
    )
