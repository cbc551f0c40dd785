"""P1: the engine and the containers."""

import re
import time

import pytest

pytestmark = pytest.mark.p1

FATAL = re.compile(r"FATAL|PANIC|out of memory|Cannot find module|ENOSPC|ECONNREFUSED|segfault", re.IGNORECASE)


def test_engine_answers(engine):
    assert engine.ping()


def test_container_runs(container):
    assert container.status == "running"


def test_container_does_not_restart(container):
    assert container.attrs["RestartCount"] < 3


def test_container_is_healthy(container):
    assert container.attrs["State"].get("Health", {}).get("Status", "healthy") == "healthy"


def test_container_was_not_killed_for_memory(container):
    assert not container.attrs["State"]["OOMKilled"]


def test_log_shows_no_fatal_error(container):
    recent = container.logs(tail=200, since=int(time.time()) - 900).decode(errors="replace")
    assert not FATAL.search(recent)


def test_memory_is_under_its_limit(stats):
    memory = stats["memory_stats"]
    used = memory["usage"] - memory["stats"].get("inactive_file", 0)
    assert used < 0.9 * memory["limit"]


def test_cpu_is_not_pegged(stats):
    now, before = stats["cpu_stats"], stats["precpu_stats"]
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    assert used < 0.95 * (now["system_cpu_usage"] - before["system_cpu_usage"])


def test_processes_are_under_their_limit(stats):
    limit = stats["pids_stats"].get("limit")
    assert not limit or stats["pids_stats"]["current"] < 0.9 * limit


def test_backend_has_a_memory_limit(containers):
    assert containers["backend"].attrs["HostConfig"]["Memory"] > 0


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_services_share_a_network(containers, service):
    networks = [set(containers[name].attrs["NetworkSettings"]["Networks"]) for name in ("postgres", service)]
    assert networks[0] & networks[1]


def test_database_name_resolves_in_the_backend(containers):
    assert containers["backend"].exec_run(["getent", "hosts", "postgres"]).exit_code == 0


def test_database_port_answers_in_the_backend(containers):
    ask = "import socket; socket.create_connection(('postgres', 5432), 5)"
    assert containers["backend"].exec_run(["python3", "-c", ask]).exit_code == 0


def test_data_volume_is_in_place(containers):
    kinds = [mount["Type"] for mount in containers["postgres"].attrs["Mounts"] if mount["RW"]]
    assert "volume" in kinds


def test_data_volume_has_space(containers):
    said = containers["postgres"].exec_run(["df", "--output=pcent", "/var/lib/postgresql"]).output
    assert int(re.search(rb"(\d+)%", said)[1]) < 90
