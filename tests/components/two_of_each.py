"""A stack with two APIs, two databases and two pages, under Compose: started, broken, brought back, removed."""

import json
import secrets
import shlex
import shutil
import string
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from stack.docker import compose, image
from stack.ports import other
from stack.state import write_env

HERE = Path(__file__).parent
SERVICES = ("catalog-db", "orders-db", "catalog", "orders", "shop", "admin")
APIS = {"catalog": "catalog-db", "orders": "orders-db"}
PAGES = {"shop": "catalog", "admin": "orders"}
SECONDS = 120.0


class TwoOfEach:
    """Its configuration in a folder; `environment(api)` and `page(name)` may be overwritten, then `recreate`."""

    def __init__(self, folder):
        self.folder, self.project = folder, f"oncall-two-{secrets.token_hex(4)}"
        self.target = folder / "oncall.toml"
        self.ports = {}
        for name in SERVICES:
            self.ports[name] = other(self.ports.values())
        self.passwords = {name: secrets.token_urlsafe(16) for name in ("POSTGRES", "APP_DB", "ONCALL_DB", "ONCALL")}
        self.tokens = {name: secrets.token_urlsafe(32) for name in ("catalog", "orders", "metrics")}

    def up(self):
        """Written, started, and waited for."""
        published = {f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in self.ports.items()}
        images = {f"{name.upper()}_IMAGE": made for name, made in image.images(lambda text: None).items()}
        places = {"FOLDER": str(self.folder), "INITDB": str(image.HERE / "initdb")}
        write_env(self.folder / "compose.env", {**images, **published, **places})
        given = {f"{name}_PASSWORD": value for name, value in self.passwords.items()}
        write_env(
            self.folder / "database.env",
            {"POSTGRES_DB": "motel", "POSTGRES_INITDB_ARGS": image.initdb_arguments(), **given},
        )
        for api in APIS:
            self.environment(api)
        for page in PAGES:
            self.page(page)
        known = {"ACCOUNT_PASSWORD": given["ONCALL_PASSWORD"], "DATABASE_PASSWORD": given["ONCALL_DB_PASSWORD"]}
        account = {"ONCALL_ACCOUNT": "oncall-probe", "METRICS_TOKEN": self.tokens["metrics"]}
        write_env(self.folder / "oncall.env", known | account)
        words = {"compose": json.dumps(shlex.join(self.words))[1:-1], "project": self.project}
        template = string.Template((HERE / "oncall.toml.in").read_text())
        self.target.write_text(template.substitute(words | published))
        self.compose("up", "-d", "--no-build")
        self.wait()

    @property
    def words(self):
        file = ["--env-file", str(self.folder / "compose.env"), "-f", str(HERE / "compose.yaml")]
        return [*compose.command(), "-p", self.project, *file]

    def compose(self, *words):
        done = subprocess.run([*self.words, *words], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self, api, **changed):
        """An API's variables."""
        password = quote(self.passwords["APP_DB"], safe="")
        usual = {
            "DATABASE_URL": f"postgresql://motel:{password}@{APIS[api]}:5432/motel",
            "JWT_SECRET": self.tokens[api],
            "METRICS_TOKEN": self.tokens["metrics"],
            "HOST": "0.0.0.0",
            "PORT": "3001",
            "MEMORY_LIMIT_MB": "256",
        }
        write_env(self.folder / f"{api}.env", usual | changed)

    def page(self, name, upstream=None):
        """A page's proxy, to its API or elsewhere."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        said = (image.HERE / "nginx" / "default.conf").read_text()
        (folder / "default.conf").write_text(said.replace("backend:3001", upstream or f"{PAGES[name]}:3001"))
        for each in (self.folder, folder, folder / "default.conf"):
            each.chmod(0o755 if each.is_dir() else 0o644)

    def container(self, service):
        label = f"label=com.docker.compose.project={self.project}"
        found = self.docker("ps", "-aq", "--filter", label, "--filter", f"label=com.docker.compose.service={service}")
        return found.split()[0]

    def docker(self, *words):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def recreate(self, service):
        self.compose("up", "-d", "--no-build", "--force-recreate", "--no-deps", service)

    def sql(self, service, statement):
        self.docker("exec", self.container(service), "psql", "-U", "postgres", "-d", "motel", "-qAtXc", statement)

    def sick(self):
        """The services that are not healthy by Docker's own checks."""
        states = {name: json.loads(self.docker("inspect", self.container(name)))[0]["State"] for name in SERVICES}
        return [name for name, state in states.items() if state.get("Health", {}).get("Status") != "healthy"]

    def wait(self):
        """Until all are healthy."""
        self.until(lambda: not self.sick())

    def until(self, condition):
        """Wait for a state, however long this machine takes, within reason."""
        ends = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < ends, "it did not come to be"
            time.sleep(0.2)

    def down(self):
        self.compose("down", "-v", "--timeout", "0")
        shutil.rmtree(self.folder / "reports", ignore_errors=True)
