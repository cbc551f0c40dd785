"""P3 Slow API responses: high CPU or memory usage, the host itself is overloaded."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("host-overloaded"), pytest.mark.component("host")]


def test_host_cpu_is_not_saturated(host_pressure, limits, finding):
    """Everything on this host is slow, and some requests time out."""
    busiest = host_pressure.most_cpu
    assert not host_pressure.saturated(
        per_cpu=limits.host_runnable_per_cpu,
        used_percent=limits.host_cpu_percent,
        pressure_percent=limits.host_cpu_pressure_percent,
    ), finding(
        f"the host is overloaded: {host_pressure.queue}{f', most by {busiest[0]}' if busiest else ''}",
        evidence={**host_pressure.summary, "most CPU": "; ".join(busiest) or "not seen"},
        component="host",
        blames=host_pressure.hog,
        layer="fast",
    )
    assert host_pressure.steal_percent < limits.host_steal_percent, finding(
        f"the hypervisor takes {host_pressure.steal_percent:.0f} % of the host's CPU time",
        evidence=host_pressure.summary,
        component="host",
        layer="fast",
    )


@pytest.mark.judges("host_pressure.memory")
def test_host_memory_pressure_is_low(host_pressure, limits, finding):
    """Everything on this host stops and starts again, and processes get killed."""
    stalled, most = host_pressure.memory_stalled_percent, host_pressure.most_memory
    assert stalled < limits.host_memory_pressure_percent, finding(
        f"everything on the host waits for memory {stalled:.0f} % of the time",
        evidence={**host_pressure.summary, "most memory": "; ".join(most) or "not seen"},
        component="host",
        layer="fast",
        root="memory",
    )


def test_host_io_pressure_is_low(host_pressure, limits, finding):
    """Whatever reads or writes a disk is slow: queries, logins, uploads."""
    stalled, most = host_pressure.io_stalled_percent(limits.host_io_waiting), host_pressure.most_waiting
    assert stalled < limits.host_io_pressure_percent, finding(
        f"{host_pressure.waiting:.0f} processes on the host wait for its disks, I/O pressure {stalled:.0f} %"
        + (f", most of them {most[0]}" if most else ""),
        evidence={
            **host_pressure.summary,
            "most waiting": "; ".join(most) or "not seen",
        },
        component="host",
        layer="fast",
        root="host_pressure.memory",
    )
