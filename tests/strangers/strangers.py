"""A stack of other software under Compose: started, broken, brought back, removed.

Only the proxy is published. `whole` names every part; `minimal` leaves out the worker and the cache.
"""

import json
import secrets
import shlex
import string
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.docker import compose
from stack.docker.image import initdb_arguments
from stack.ports import other
from stack.state import write_env
from tests.strangers.image import SOURCES, image

HERE = Path(__file__).parent
SERVICES = ("edge", "shop-api", "stock-api", "jobs", "cache", "db")
APIS = {"api": "shop-api", "admin": "stock-api"}
SECONDS = 120.0
STARTING = timedelta(seconds=22)  # oncall/probes/logs/judging.py: its lines are over, as those of a start
DATABASE = """
CREATE ROLE shop LOGIN PASSWORD '{password}';
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, stock int NOT NULL);
INSERT INTO products VALUES (1, 'table', 4), (2, 'chair', 16), (3, 'lamp', 7);
CREATE TABLE done (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL);
GRANT SELECT ON products TO shop;
GRANT INSERT ON done TO shop;
"""
PROXIED = "proxy_pass http://{upstream}:8000/; proxy_connect_timeout 2s; proxy_read_timeout 8s;"
DECLARED = {"jobs": "worker", "cache": "container", "db": "container"}


class Strangers:
    """Its configuration in a folder; `environment(service)`, `upstreams` and `entrypoint` may be overwritten."""

    def __init__(self, folder):
        self.folder, self.project = folder, f"oncall-shop-{secrets.token_hex(4)}"
        self.port = other(())
        self.password, self.owners_password = secrets.token_hex(12), secrets.token_hex(12)
        self.targets = {"whole": DECLARED, "minimal": {"db": "container"}}

    def up(self):
        """Written, started, and waited for."""
        self.write()
        self.compose("up", "-d", "--no-build")
        self.wait()

    def write(self):
        """Every file of it."""
        write_env(
            self.folder / "compose.env",
            {"IMAGE": image(), "FOLDER": str(self.folder), "EDGE_PORT": str(self.port)},
        )
        given = {"POSTGRES_DB": "shop", "POSTGRES_PASSWORD": self.owners_password}
        write_env(self.folder / "db.env", given | {"POSTGRES_INITDB_ARGS": initdb_arguments()})
        write_env(self.folder / "oncall.env", {"ONCALL_UNUSED": "1"})
        self._place("initdb/shop.sql", DATABASE.format(password=self.password))
        for service in ("shop-api", "stock-api", "jobs"):
            self.environment(service)
        self.upstreams()
        self.entrypoint()
        template = string.Template((HERE / "oncall.toml.in").read_text())
        words = {"compose": json.dumps(shlex.join(self.words))[1:-1], "project": self.project, "port": self.port}
        for name, parts in self.targets.items():
            tables = [f'[components.{part}]\nkind = "{kind}"\nservice = "{part}"\n' for part, kind in parts.items()]
            more = "\n".join(["", *tables])
            self.target(name).write_text(template.substitute(words, more=more))

    def heal(self):
        """As it was, with containers that have no past; the data stay."""
        self.docker("rm", "-f", self.guest, check=False)
        self.write()
        if self.containers("db"):
            self.docker("unpause", self.container("db"), check=False)
            self.docker("start", self.container("db"))
            self.until(self.takes_connections)
            self.sql(f"ALTER ROLE shop PASSWORD '{self.password}'")
        self.compose("up", "-d", "--no-build", "--force-recreate", "--timeout", "0")
        self.wait()

    def takes_connections(self):
        return "accepting" in self.docker("exec", self.container("db"), "pg_isready", "-h", "127.0.0.1", check=False)

    def target(self, name):
        return self.folder / f"{name}.toml"

    def environment(self, service, **changed):
        """The variables of an API or of the worker."""
        usual = {
            "DATABASE_URL": f"postgresql://shop:{self.password}@db:5432/shop",
            "REDIS_URL": "redis://cache:6379/0",
        }
        write_env(self.folder / f"{service}.env", usual | changed)

    def upstreams(self, **changed):
        """Which API the proxy asks for /api/ and for /admin/."""
        named = APIS | changed
        places = "".join(
            f"  location /{path}/ {{ {PROXIED.format(upstream=upstream)} }}\n" for path, upstream in named.items()
        )
        page = "  location / { root /usr/share/nginx/html; }\n"
        self._place("edge/default.conf", f"server {{\n  listen 80;\n{places}{page}}}\n")

    def entrypoint(self, ends="\n"):
        """The worker's script, with these line ends."""
        self._place("start.sh", (SOURCES / "start.sh").read_text().replace("\n", ends)).chmod(0o755)

    def _place(self, name, content):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode())
        for each in (self.folder, path.parent, path):
            each.chmod(0o755 if each.is_dir() else 0o644)
        return path

    @property
    def words(self):
        file = ["--env-file", str(self.folder / "compose.env"), "-f", str(HERE / "compose.yaml")]
        return [*compose.command(), "-p", self.project, *file]

    def compose(self, *words, check=True):
        done = subprocess.run([*self.words, *words], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def docker(self, *words, check=True):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def containers(self, service):
        label = f"label=com.docker.compose.project={self.project}"
        found = self.docker("ps", "-aq", "--filter", label, "--filter", f"label=com.docker.compose.service={service}")
        return found.split()

    def container(self, service):
        return self.containers(service)[0]

    @property
    def guest(self):
        """A container beside the stack, in its network."""
        return f"{self.project}-guest"

    def state(self, service):
        return json.loads(self.docker("inspect", self.container(service)))[0]

    def recreate(self, *services):
        self.compose("up", "-d", "--no-build", "--force-recreate", "--no-deps", *services)

    def restart(self, *services):
        for service in services:
            self.docker("restart", "--time", "1", self.container(service))

    def sql(self, statement):
        self.docker("exec", self.container("db"), "psql", "-U", "postgres", "-d", "shop", "-qAtXc", statement)

    def redis(self, *words):
        return self.docker("exec", self.container("cache"), "redis-cli", *words)

    def answers(self, path):
        """The status of a path behind the proxy; 0: no answer."""
        words = [
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-m",
            "5",
            "-w",
            "%{http_code}",
            f"http://127.0.0.1:{self.port}{path}",
        ]
        return int(subprocess.run(words, capture_output=True, text=True, check=False).stdout or 0)

    def traffic(self):
        """What people ask, at once: whatever fails leaves its lines more than once."""
        asked = [f"http://127.0.0.1:{self.port}{path}" for path in ("/api/products", "/admin/stock")] * 5
        words = [word for url in asked for word in ("-o", "/dev/null", url)]
        subprocess.run(["curl", "--silent", "--parallel", "-m", "2", *words], capture_output=True, check=False)

    def starts(self, service, times=3):
        """Whether it has been started again so many times."""
        return self.state(service)["RestartCount"] >= times

    def well(self):
        """Whether everything runs, both APIs answer, and the worker waits for work."""
        states = {name: self.state(name)["State"] for name in SERVICES}
        if not all(one["Running"] and not one["Paused"] and not one["Restarting"] for one in states.values()):
            return False
        if any(one.get("Health", {}).get("Status", "healthy") != "healthy" for one in states.values()):
            return False
        answered = all(self.answers(path) == 200 for path in ("/", "/api/products", "/admin/stock"))
        return answered and all(self.answers(f"/{path}/health") == 200 for path in APIS)

    def settled(self):
        """Whether what stays up has done so for longer than a start-up's own errors count as such."""
        now = datetime.now(UTC)
        for container in (one for name in SERVICES for one in self.containers(name)):
            state = json.loads(self.docker("inspect", container))[0]
            started = datetime.fromisoformat(state["State"]["StartedAt"][:19] + "+00:00")
            if state["State"]["Running"] and not state["RestartCount"] and now - started < STARTING:
                return False
        return True

    def wait(self):
        """Until all is well."""
        self.until(self.well)

    def until(self, condition):
        """Wait for a state, however long this machine takes, within reason."""
        ends = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < ends, "it did not come to be"
            time.sleep(0.2)

    def down(self):
        self.docker("rm", "-f", self.guest, check=False)
        self.compose("down", "-v", "--timeout", "0", check=False)
