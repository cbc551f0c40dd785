"""A stack under Compose that was started, and everything that can be done to its containers from outside."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from stack import postgres, processes
from stack.docker import compose, engine
from stack.handle import PARTS, Handle, set_key
from stack.state import Home, StackError

OURS = "oncall.stack"  # the label of whatever a fault starts beside the services


class DockerStack(Handle):
    """The handle on a running Docker stack; a part is a Compose service.

    >>> stack.kill("backend")
    >>> stack.restart("backend", JWT_SECRET="changeme")
    >>> stack.docker("network", "disconnect", stack.network, stack.container("backend"))
    >>> stack.edit_compose("services.backend.mem_limit", "40m"); stack.recreate("backend")
    """

    def __init__(self, home: Home, state: dict[str, Any]) -> None:
        super().__init__(home, state)
        self.project: str = state["project"]

    # ---- the engine and Compose

    def docker(self, *arguments: str, check: bool = True, timeout: float = 60, give: bytes | None = None) -> str:
        """Run a docker command; what it printed."""
        return engine.docker(*arguments, check=check, timeout=timeout, give=give)

    def compose(self, *arguments: str, check: bool = True, timeout: float = 120, **variables: str) -> str:
        """Run a Compose command on this project; `variables` go into the file's ${...} for this command only."""
        command = [*self.state["compose"], *self.compose_options, *arguments]
        done = engine.run(command, timeout=timeout, env=variables, cwd=compose.FILE.parent)
        if check and done.returncode:
            raise StackError(f"docker-compose {arguments[0]} failed: {engine.last_words(done)}")
        return done.stdout.decode(errors="replace").strip()

    @property
    def compose_options(self) -> list[str]:
        files = ["-f", str(compose.FILE), "-f", str(self.override)]
        return [
            "-p",
            self.project,
            "--project-directory",
            str(compose.FILE.parent),
            "--env-file",
            str(self.variables),
        ] + files

    @property
    def compose_v2(self) -> bool:
        return not self.state["compose_version"].startswith("1.")

    def container(self, service: str) -> str:
        """The id of a service's container: of the first replica."""
        if found := self.containers(service):
            return found[0]
        raise StackError(f"{service} has no container")

    def containers(self, service: str = "") -> list[str]:
        """The ids of all its containers, whatever their state, the first replica first; of all services without one."""
        wanted = [f"label=com.docker.compose.project={self.project}", "label=com.docker.compose.oneoff=False"]
        if service:
            wanted.append(f"label=com.docker.compose.service={service}")
        form = '{{.Label "com.docker.compose.container-number"}} {{.ID}}'
        filters = [word for each in wanted for word in ("--filter", each)]
        found = engine.docker("ps", "-a", "--no-trunc", *filters, "--format", form).splitlines()
        return [line.split()[1] for line in sorted(found, key=lambda line: int(line.split()[0]))]

    def inspect(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of the first replica; any container's id or name will do as well."""
        name = self.container(service) if service in PARTS else service
        return json.loads(engine.docker("inspect", "--type", "container", name))[0]

    def exec(self, service: str, *command: str, user: str = "", check: bool = True, give: bytes | None = None) -> str:
        """Run a command inside the service's (first) container; what it printed."""
        words = ["-u", user] if user else []
        words += ["-i"] if give is not None else []
        return engine.docker("exec", *words, self.container(service), *command, check=check, give=give)

    def logs(self, service: str, tail: int = 200) -> str:
        """The end of both of its streams."""
        done = engine.run(["docker", "logs", "--tail", str(tail), self.container(service)], timeout=15)
        return (done.stdout + done.stderr).decode(errors="replace")

    def run(self, *arguments: str, image: str = "", command: Sequence[str] = ()) -> str:
        """Start a further container that heal and down remove: `docker run -d <arguments> image command`; its id."""
        label = f"{OURS}={self.project}"
        name = image or self.state["images"]["backend"]
        return engine.docker("run", "-d", "--label", label, *arguments, name, *command, timeout=60)

    @property
    def volume(self) -> str:
        """The name of the data volume."""
        return f"{self.project}_data"

    @property
    def network(self) -> str:
        """The name of the network that all services share."""
        return f"{self.project}_inside"

    def address_inside(self, service: str) -> str:
        """The container's address on the shared network."""
        return self.inspect(service)["NetworkSettings"]["Networks"][self.network]["IPAddress"]

    def in_volume(self, script: str) -> str:
        """A shell script as root in a helper container that sees the data volume at /data; what it printed."""
        words = ["run", "--rm", "--user", "0", "--network", "none", "--label", f"{OURS}={self.project}"]
        words += ["-v", f"{self.volume}:/data", "--entrypoint", "sh", self.state["images"]["postgres"], "-c", script]
        return engine.docker(*words)

    @property
    def pgdata(self) -> str:
        """Where the server keeps its cluster, inside its container."""
        return self.state["pgdata"]

    # ---- services

    def kill(self, part: str, number: int = 9, wait: bool = True) -> None:
        """`docker kill`: the restart policy does not bring it back."""
        engine.docker("kill", "--signal", str(int(number)), self.container(part))

    def pause(self, part: str) -> None:
        engine.docker("pause", self.container(part))

    def stop(self, part: str, seconds: int = 10) -> None:
        """As an operator would: `docker stop`."""
        engine.docker("stop", "-t", str(seconds), self.container(part))

    def start(self, part: str, wait: bool = True, **environment: str | None) -> None:
        """`docker start` of the container as it is."""
        if environment:
            raise StackError("a container keeps the environment that it was made with: edit_env and recreate")
        engine.docker("start", self.container(part))
        if wait:
            self.wait_healthy(part)

    def recreate(self, *services: str, wait: bool = True, **variables: str) -> None:
        """New containers from what the files say now."""
        self.compose("up", "-d", "--no-deps", "--no-build", "--force-recreate", *services, **variables)
        if wait:
            for service in services:
                self.wait_healthy(service)

    def restart(self, part: str, wait: bool = True, **changes: str | None) -> None:
        """Change its env file as a deploy would do (None removes a name) and make a new container; `docker restart`
        when there is nothing to change."""
        if changes:
            self.edit_env(part, **changes)
            self.recreate(part, wait=wait)
            return
        engine.docker("restart", "-t", "5", self.container(part))
        if wait:
            self.wait_healthy(part)

    def scale(self, service: str, count: int, wait: bool = True) -> None:
        """Further replicas, made from what the files say now; those that there are stay as they are. The new ones'
        ports are published on any free port."""
        free = {} if service == "postgres" else {f"{service.upper()}_PORT": ""}
        self.compose(
            "up", "-d", "--no-deps", "--no-build", "--no-recreate", "--scale", f"{service}={count}", service, **free
        )
        if wait:
            self.wait(
                lambda: all(self.is_healthy(each) for each in self.containers(service)), f"{service} x {count}", 30
            )

    def lives(self, part: str) -> bool:
        if part not in PARTS:
            return super().lives(part)
        with suppress(StackError):
            state = self.inspect(part)["State"]
            return state["Running"] and not state["Paused"] and not state["Restarting"]
        return False

    def is_healthy(self, container: str) -> bool:
        state = self.inspect(container)["State"]
        return state["Status"] == "running" and state.get("Health", {"Status": "healthy"})["Status"] == "healthy"

    # ---- configuration

    @property
    def override(self) -> Path:
        """A Compose file of this stack's own, laid over stack/compose.yaml (JSON is YAML)."""
        return self.home.path / "override.json"

    @property
    def variables(self) -> Path:
        """What stands in for the ${...} of stack/compose.yaml: images, ports, folders."""
        return self.home.path / "compose.env"

    @property
    def nginx(self) -> Path:
        """nginx's configuration; change it in place, then reload_nginx()."""
        return self.home.path / "nginx" / "default.conf"

    def edit_nginx(self, old: str, new: str) -> None:
        """Replace a text in nginx's configuration, and have it read."""
        said = self.nginx.read_text()
        if old not in said:
            raise StackError(f"nginx's configuration does not hold {old!r}")
        self.nginx.write_text(said.replace(old, new))
        self.reload_nginx()

    def reload_nginx(self) -> None:
        self.exec("frontend", "nginx", "-s", "reload")

    def edit_compose(self, key: str, value: Any) -> None:
        """`edit_compose("services.backend.mem_limit", "40m")` in the override file; None removes the key there.
        It takes effect with recreate()."""
        said = json.loads(self.override.read_text())
        set_key(said, key, value)
        self.override.write_text(json.dumps(said, indent=1))

    # ---- the database

    @property
    def address_of_superuser(self) -> str:
        password = quote(self.state["passwords"]["POSTGRES_PASSWORD"], safe="")
        return f"postgresql://postgres:{password}@127.0.0.1:{self.ports['postgres']}"

    def session(self, *, owner: bool = False, dbname: str = "motel") -> psycopg.Connection[Any]:
        """A superuser's session through the published port."""
        try:
            session = psycopg.connect(
                f"{self.address_of_superuser}/{dbname}", autocommit=True, connect_timeout=5, application_name="stack"
            )
        except psycopg.Error as error:
            raise StackError(f"postgres cannot be reached: {' '.join(str(error).split())}") from error
        if owner:
            session.execute(f"SET SESSION AUTHORIZATION {postgres.OWNER}")
        return session

    def psql(self, query: str, dbname: str = "motel") -> str:
        """As superuser inside the container, without the network; what psql prints, unaligned, without headings."""
        words = ["psql", "-U", "postgres", "-d", dbname, "-v", "ON_ERROR_STOP=1", "-qAtX"]
        return self.exec("postgres", *words, give=query.encode())

    def address(self, role: str = "motel", port: int | None = None) -> str:
        """How a role connects through the published port: motel, oncall, postgres."""
        if role == "postgres":
            return f"{self.address_of_superuser}/motel"
        password = self.state["passwords"][{"motel": "APP_DB_PASSWORD", "oncall": "ONCALL_DB_PASSWORD"}[role]]
        return f"postgresql://{role}:{quote(password, safe='')}@127.0.0.1:{port or self.ports['postgres']}/motel"

    def reload_postgres(self) -> None:
        self.kill("postgres", 1)
        time.sleep(0.2)

    def backup(self, name: str | None = None) -> Path:
        """A dump by the container's own pg_dump."""
        file = self.home.backups / (name or time.strftime("motel-%Y%m%dT%H%M%SZ.dump", time.gmtime()))
        words = ["docker", "exec", self.container("postgres"), "pg_dump", "-U", "postgres", "-Fc", "-Z1", "motel"]
        done = engine.run(words, timeout=60)
        if done.returncode:
            raise StackError(f"postgres: the backup failed: {engine.last_words(done)}")
        file.write_bytes(done.stdout)
        return file

    # ---- waiting

    def problem(self, part: str) -> str | None:
        """Why a service is not healthy, in a few words; Docker's health and an answer on the published port."""
        try:
            state = self.inspect(part)["State"]
        except StackError as error:
            return str(error)
        if reason := problem(state):
            return reason
        if part == "postgres":
            try:
                with psycopg.connect(self.address("motel"), connect_timeout=3) as session:
                    session.execute("SELECT 1")
            except psycopg.Error as error:
                return f"accepts no connection on port {self.ports[part]} ({' '.join(str(error).split())})"
            return None
        return self.answer_problem(part)

    def wait_healthy(self, part: str, patience: float = 60.0) -> None:
        until = time.monotonic() + patience
        while reason := self.problem(part):
            if self._is_over(part) or time.monotonic() > until:
                raise StackError(f"{part} did not get healthy ({reason}): {self._last_said(part)}")
            time.sleep(0.2)

    def _is_over(self, part: str) -> bool:
        """It will not get better by waiting."""
        try:
            told = self.inspect(part)
        except StackError:
            return True
        state = told["State"]
        ended = state["Status"] in ("exited", "dead", "created", "paused") and bool(state["ExitCode"] or state["Error"])
        return ended or told["RestartCount"] >= 5

    def _last_said(self, part: str) -> str:
        with suppress(StackError):
            said = [line.strip() for line in self.logs(part, 4).splitlines() if line.strip()]
            return " | ".join(said) or "its log is empty"
        return "it has no log"

    def end_helpers(self) -> None:
        """The processes on this machine that faults have started."""
        recorded = [processes.find(record) for record in self.state["processes"].values()]
        processes.end([process for process in (*recorded, *processes.stragglers(self.home.path)) if process])
        self.state["processes"] = {}


def problem(state: dict[str, Any]) -> str | None:
    """What `State` of an inspect accuses."""
    if state["Status"] != "running":
        error = f", {state['Error']}" if state["Error"] else ""
        return f"{state['Status']}, exit code {state['ExitCode']}{error}"
    health = state.get("Health")
    if not health or health["Status"] == "healthy":
        return None
    said = health["Log"][-1]["Output"].strip() if health.get("Log") else ""
    return f"health is {health['Status']}" + (f": {said[:200]}" if said else "")
