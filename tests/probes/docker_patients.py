"""Real containers on the real engine, made of busybox alone; one project a test module, removed at its end.

pytestmark = [pytest.mark.docker, pytest.mark.skipif(NO_ENGINE, reason=NO_ENGINE)]
"""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import threading
import time

from oncall.target.kinds import Component
from oncall.target.schema import Docker, Host, Stack
from oncall.testing.looking import Looks

IMAGE = "oncall-test-busybox:2"
LABEL = "oncall.test"


def docker(*words, check=True, **more):
    done = subprocess.run(["docker", *words], capture_output=True, timeout=60, check=False, **more)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def _why_not():
    if not shutil.which("docker"):
        return "no Docker client here: apt-get install docker.io"
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer: start dockerd"
    if done.returncode:
        return "no Docker engine answers here: start dockerd"
    return "" if shutil.which("busybox") else "no busybox for a tiny image: apt-get install busybox-static"


NO_ENGINE = _why_not()


def image():
    """The tiny image, made once a machine."""
    if docker("image", "ls", "-q", IMAGE):
        return IMAGE
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(os.path.realpath(shutil.which("busybox")), "bin/busybox")
        for name in ("sh", "sleep", "dd", "tail", "cat", "true", "false", "getent", "test"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("tmp", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(folder)
    docker("import", "--change", "ENV PATH=/bin", "-", IMAGE, input=packed.getvalue())
    return IMAGE


class Patients:
    """The containers of one project."""

    def __init__(self, project):
        self.project, self.services, self.names = project, set(), {}

    def start(self, service, *command, options=(), number="1", oneoff=False, fails=False):
        """Run a container; its id, or "" when it could not be started."""
        name = f"{self.project}-{service}-{number}{'-run' if oneoff else ''}"
        labels = {
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": number,
            "com.docker.compose.oneoff": "True" if oneoff else "False",
            LABEL: self.project,
        }
        words = [word for pair in labels.items() for word in ("--label", "=".join(pair))]
        self.services.add(service)
        self.names[service] = name
        return docker(
            "run", "-d", "--stop-timeout", "0", "--name", name, *words, *options, image(), *command, check=not fails
        )

    def at_once(self, *starts):
        """Several starts together; each is a tuple of arguments and one of keywords."""
        threads = [threading.Thread(target=self.start, args=words, kwargs=more) for words, more in starts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stack(self, **docker_keys):
        """The target for them: every service that is not a usual one is a component."""
        others = {name: Component(service=name) for name in self.services - {"backend", "frontend", "postgres"}}
        return Stack(docker=Docker(project=self.project, **docker_keys), host=Host(), components=others)

    def remove(self):
        if ids := docker("ps", "-aq", "--filter", f"label={LABEL}={self.project}").split():
            docker("rm", "-f", "-v", *ids)


@contextlib.contextmanager
def patients(name):
    """A project of its own."""
    found = Patients(f"oncall-probes-{name}-{os.getpid()}")
    image()
    try:
        yield found
    finally:
        found.remove()


def look(name, stack, service="backend", limits=None):
    """One look through the real door; raises what a check would meet."""
    return looks([name], stack, service, limits)[0]


def looks(names, stack, service="backend", limits=None):
    """Looks of one run, all started at once."""
    with Looks(stack, limits=limits) as look:
        for name in names:
            look.runner.start(name, {"service": service})
        return [look(name, service=service) for name in names]


def wait(condition, what, seconds=60):
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.1)


def state(container, template):
    return docker("inspect", "--format", template, container)
