"""A Compose project of tiny containers, made with the engine's own command line: busybox and labels, nothing more."""

import io
import shutil
import subprocess
import tarfile
import time
import uuid

import pytest

from oncall.target.schema import Backend, Docker, Frontend, Postgres, Stack

IMAGE = "oncall-test-logs"
TOOLS = ("sh", "cat", "df", "test", "nc", "nslookup", "sleep", "printf", "yes", "head", "tr", "dd", "seq", "date")
SEVERAL = ("postgres", "backend", "frontend")


def docker(*words, give=None, check=True):
    """The engine's command line; what it printed."""
    done = subprocess.run(["docker", *words], input=give, capture_output=True, timeout=120, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace").strip()


def has_engine():
    return bool(shutil.which("docker")) and subprocess.run(["docker", "version"], capture_output=True).returncode == 0


needs_engine = [
    pytest.mark.docker,
    pytest.mark.skipif(
        not (has_engine() and shutil.which("busybox")),
        reason="needs a Docker engine and busybox-static (on Debian: apt-get install docker.io busybox-static)",
    ),
]


def image():
    """busybox and a few of its names in an image of two megabytes; made once."""
    if docker("image", "ls", "-q", IMAGE):
        return IMAGE
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as archive:
        archive.add(shutil.which("busybox"), "bin/busybox")
        for tool in TOOLS:
            link = tarfile.TarInfo(f"bin/{tool}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    docker("import", "-", IMAGE, give=blob.getvalue())
    return IMAGE


class SmallProject:
    """Containers with Compose's labels under a project name of its own."""

    def __init__(self):
        self.name = f"oncall-logs-{uuid.uuid4().hex[:8]}"
        self.image = image()

    def start(self, service, script="sleep 600", *options, number=1, network=None, command=("sh", "-c")):
        """Run a script as a service's container; its name."""
        name = f"{self.name}-{service}-{number}"
        labels = {"project": self.name, "service": service, "container-number": number, "oneoff": "False"}
        words = [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        net = [f"--network={network}", f"--network-alias={service}"] if network else []
        docker("run", "-d", "--name", name, "--stop-timeout=0", *words, *net, *options, self.image, *command, script)
        return name

    def network(self, name="inside"):
        full = f"{self.name}_{name}"
        docker("network", "create", f"--label=com.docker.compose.project={self.name}", full)
        return full

    def stack(self, **docker_settings):
        return Stack(
            docker=Docker(project=self.name, **docker_settings),
            postgres=Postgres(),
            backend=Backend(),
            frontend=Frontend(),
        )

    def gone(self):
        """Take away all that this project has made."""
        label = f"label=com.docker.compose.project={self.name}"
        for container in docker("ps", "-aq", "--filter", label).split():
            docker("rm", "-f", "-v", container, check=False)
        for network in docker("network", "ls", "-q", "--filter", label).split():
            docker("network", "rm", network, check=False)
        for volume in docker("volume", "ls", "-q", "--filter", f"name={self.name}").split():
            docker("volume", "rm", "-f", volume, check=False)


def until(condition, seconds=10.0):
    """Wait for something that takes a moment."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found
