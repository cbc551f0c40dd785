"""The image: a minimal Debian that boots, with the Python of this machine's version, so one environment serves both.

Made once by mmdebstrap, as the images of the stack under Compose are; the hash of the recipe is in its tag.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from stack.docker import engine
from stack.docker.image import LEAN, mirror
from stack.state import StackError

Tell = Callable[[str], None]

REPOSITORY = "oncall-systemd"
SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}  # by the Python that each brings
PACKAGES = ("systemd", "systemd-sysv", "python3", "iproute2", "procps", "openssh-server", "ca-certificates")
HOOKS = (
    "--customize-hook=rm -f $1/etc/ssh/ssh_host_* $1/etc/apt/sources.list $1/etc/apt/sources.list.d/*",
    "--customize-hook=rm -f $1/etc/machine-id; : > $1/etc/machine-id",
    "--customize-hook=chroot $1 systemctl disable ssh.service apt-daily.timer apt-daily-upgrade.timer",
    "--customize-hook=chroot $1 systemctl mask systemd-logind.service getty.target console-getty.service",
)


def image(tell: Tell) -> str:
    """The image's name; made now if it is not there."""
    import hashlib

    suite = SUITES.get(sys.version_info[:2])
    if suite is None:
        raise StackError("no Debian suite brings this Python: use 3.11 or 3.13 for the stack of units")
    recipe = repr((suite, PACKAGES, HOOKS, LEAN, platform.machine()))
    name = f"{REPOSITORY}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not engine.has_image(name):
        if not shutil.which("mmdebstrap"):
            raise StackError("mmdebstrap is missing: on Debian, apt-get install mmdebstrap")
        tell("making a Debian with systemd (once, about a minute)")
        _make(name, suite)
    return name


def _make(name: str, suite: str) -> None:
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in LEAN),
        *HOOKS, suite, "-", *mirror(),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="oncall-image-") as folder:
        said = Path(folder, "said")
        with said.open("wb") as log:
            maker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            taken = subprocess.run(
                ["docker", "import", "-", name], stdin=maker.stdout, capture_output=True, check=False
            )
            assert maker.stdout
            maker.stdout.close()
            made = maker.wait()
        if made or taken.returncode:
            engine.docker("image", "rm", name, check=False)
            errors = [line for line in said.read_text(errors="replace").splitlines() if line.startswith(("E:", "W:"))]
            raise StackError(f"the image could not be made: {' | '.join(errors[-3:]) or engine.last_words(taken)}")
