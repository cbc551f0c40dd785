"""A Compose project whose target names one part of seven: the others are looked at, and what is sick is named."""

import json
import shutil
import subprocess

import pytest

from stack.docker import compose
from tests.probes.small_project import IMAGE, docker, image, needs_engine, until
from tests.scoring import diagnose

pytestmark = needs_engine
COMPOSE = {"v1": "docker-compose", "v2": str(compose.fetched())}
SLEEPS = "exec sleep 600"
SCRIPTS = {
    "proxy": f"echo 'nginx: [emerg] host not found in upstream \"worker:9000\"'; {SLEEPS}",
    "worker": "echo 'worker: starting'; echo 'FATAL: queue: login refused for password=hunter2hunter2'; exit 1",
    "frozen": SLEEPS,
    "noisy": f'for order in $$(seq 40); do echo "FATAL: order $$order: no such table"; done; {SLEEPS}',
    "looping": "echo 'Error: /etc/app.toml: no such file'; exit 3",
    "job": "echo 'FATAL: nothing, all is done'; exit 0",
    "mailer": SLEEPS,
}
SICK = {"frozen", "looping", "noisy", "worker"}
TARGET = """
name = "small"
compose = "{compose}"
[host]
absent = true
[docker]
project = "{project}"
[backend]
absent = true
[frontend]
absent = true
[auth]
absent = true
[websocket]
absent = true
[postgres]
absent = true
[components.proxy]
service = "proxy"
"""
RUN = "test_undeclared_services_run"


class Project:
    """Seven services, made by Compose itself."""

    def __init__(self, folder, command, version):
        self.name = f"oncall-undeclared-{version}"
        self.file, self.target = folder / "compose.yaml", folder / "oncall.toml"
        self.compose = f"{command} -p {self.name} -f {self.file}"
        always = {"looping": "always", "job": "on-failure"}
        services = {
            name: {
                "image": IMAGE,
                "command": ["sh", "-c", script],
                "restart": always.get(name, "no"),
                "stop_grace_period": "0s",
            }
            for name, script in SCRIPTS.items()
        }
        self.file.write_text(json.dumps({"services": services}))
        self.target.write_text(TARGET.format(compose=self.compose, project=self.name))

    def typed(self, command):
        """As a person types it; the exit code and what was printed."""
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def up(self):
        code, said = self.typed(f"{self.compose} up -d")
        assert code == 0, said
        docker("kill", "-s", "STOP", self.container("frozen"))
        until(lambda: int(docker("inspect", "-f", "{{.RestartCount}}", self.container("looping"))) >= 3, 60)
        until(lambda: self.status("worker") == self.status("job") == "exited")

    def container(self, service):
        return docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}", "--filter",
                      f"label=com.docker.compose.service={service}")  # fmt: skip

    def status(self, service):
        return docker("inspect", "-f", "{{.State.Status}}", self.container(service))


@pytest.fixture(scope="module", params=COMPOSE)
def project(request, tmp_path_factory):
    command = COMPOSE[request.param]
    if not shutil.which(command):
        pytest.skip(f"Compose {request.param} is not here: python -m stack compose-v2")
    image()
    found = Project(tmp_path_factory.mktemp("project"), command, request.param)
    try:
        found.up()
        yield found
    finally:
        found.typed(f"{found.compose} down")


@pytest.fixture(scope="module")
def run(project, tmp_path_factory):
    """One run of the urgent checks, and its snapshot."""
    snapshot = tmp_path_factory.mktemp("run") / "facts.json"
    run = diagnose(project.target, "-m", "p1", f"--save={snapshot}")
    return run, snapshot


def test_each_sick_part_is_one_cause_of_its_own(run):
    """Four that nobody declared are sick, four causes; the job that is done and the mailer are none."""
    causes = {cause["component"]: cause for cause in run[0].causes}

    assert run[0].code == 1
    assert sorted(cause["component"] for cause in run[0].causes) == sorted(SICK), run[0].screen
    assert {cause["severity"] for cause in causes.values()} == {"p1"}


def test_the_most_telling_words_stand_in_front(run):
    """The last line of what ended, the state of what does not; no secret of a line among them."""
    said = {cause["component"]: cause["symptom"] for cause in run[0].causes}

    assert said["worker"].startswith("worker has ended: exit code 1; last line: FATAL: queue: login refused")
    assert said["looping"].startswith("looping starts again and again (")
    assert said["looping"].endswith("; last line: Error: /etc/app.toml: no such file")
    assert said["frozen"] == "frozen is frozen: its process is stopped (state T)"
    assert said["noisy"] == (
        "log of noisy: 40 lines that call themselves fatal; last line: FATAL: order 40: no such table"
    )
    assert "hunter2hunter2" not in run[0].screen + json.dumps(run[0].result)


def test_what_is_well_counts_too(run):
    """Coverage counts every part; a job is well, and nobody asks for its limits or its log."""
    verdicts = run[0].verdicts
    ends = {check: verdict["outcome"] for check, verdict in verdicts.items()}

    assert {ends[f"{RUN}[{name}]"] for name in SCRIPTS if name not in (*SICK, "proxy")} == {"passed"}
    assert f"{RUN}[proxy]" not in ends
    assert [check for check in ends if check.endswith("[job]")] == [f"{RUN}[job]"]
    assert verdicts[f"{RUN}[mailer]"]["component"] == "mailer"
    due = [verdict for verdict in verdicts.values() if verdict["outcome"] != "skipped"]
    assert f"/{len(due)}" in next(line for line in run[0].screen.splitlines() if "answered" in line)


def test_a_declared_part_that_accuses_one_of_them_joins_its_cause(run):
    """The proxy's log names the worker, which has ended: one cause, the worker's."""
    (worker,) = [cause for cause in run[0].causes if cause["component"] == "worker"]

    assert "test_log_shows_no_fatal_error[proxy]" in worker["findings"] + worker["consequences"]


def test_the_printed_next_command_is_typed_and_works(run, project):
    """It speaks of this service, and shows its last words; the first one stands on the screen."""
    assert all(line in run[0].screen for line in run[0].causes[0]["next"]["commands"])
    for cause in run[0].causes:
        service = cause["component"]
        assert cause["playbook"] == "undeclared-service"
        assert all(service in line for line in cause["next"]["commands"]), cause["next"]
        ends = [project.typed(line) for line in cause["next"]["commands"]]
        assert [code for code, _ in ends] == [0] * len(ends), ends
        assert service in ends[0][1]
    assert "FATAL: queue" in project.typed(f"{project.compose} logs worker")[1]


def test_a_replay_says_the_same(run, project):
    """The parts come from the facts: no engine is asked again."""
    live, snapshot = run
    replay = diagnose(project.target, "-m", "p1", f"--replay={snapshot}")

    assert replay.code == live.code
    assert told(replay) == told(live)
    assert replay.causes == live.causes


def told(run):
    return {
        check: {name: value for name, value in verdict.items() if name != "probes"}
        for check, verdict in run.verdicts.items()
    }


def test_each_part_stands_in_the_junit_file(project, tmp_path):
    """One test case, failed once, with the symptom of each part."""
    file = tmp_path / "junit.xml"
    diagnose(project.target, "-m", "p1", "-k", RUN, f"--junitxml={file}")
    said = file.read_text()

    assert 'failures="1"' in said
    assert all(f'name="symptom[{name}]"' in said for name in ("worker", "frozen", "looping"))


def test_a_part_can_be_accepted_by_its_name(project, tmp_path):
    """The team lives with the frozen one: three causes are left, and the name is known."""
    target = tmp_path / "oncall.toml"
    entry = f'[accepted]\n"{RUN}[frozen]" = {{ reason = "moves on Monday", until = 2099-01-01 }}\n'
    target.write_text(project.target.read_text() + entry)
    run = diagnose(target, "-m", "p1")

    assert run.verdicts[f"{RUN}[frozen]"]["outcome"] == "accepted", run.screen
    assert {cause["component"] for cause in run.causes} == SICK - {"frozen"}


def test_no_docker_skips_and_no_engine_points_at_the_engine(project, tmp_path):
    """Declared absent: skipped. Out of reach: unknown, behind the engine's own check."""
    for extra, outcome in (("absent = true", "skipped"), ('host = "tcp://127.0.0.1:1"', "unknown")):
        target = tmp_path / f"{outcome}.toml"
        target.write_text(project.target.read_text().replace("[docker]\n", f"[docker]\n{extra}\n"))
        run = diagnose(target, "-m", "p1")
        ends = {check: verdict for check, verdict in run.verdicts.items() if "undeclared" in check}

        assert len(ends) == 4
        assert {verdict["outcome"] for verdict in ends.values()} == {outcome}, run.screen
        if outcome == "unknown":
            (cause,) = run.causes
            assert cause["component"] == "docker"
            assert set(ends) <= set(cause["blocked"])
            assert {verdict["root_check"] for verdict in ends.values()} == {"test_docker_engine_answers"}
