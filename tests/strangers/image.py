"""The image of the stranger's stack: Debian's packages and the sources beside this file, made once.

The hash of the recipe is in its tag, as with the images of stack/docker/image.py.
"""

import hashlib
import io
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from stack.docker import engine
from stack.docker.image import HERE as ENTRYPOINT
from stack.docker.image import HOOKS, LEAN, SUITE, mirror
from stack.state import StackError

SOURCES = Path(__file__).parent / "sources"
REPOSITORY = "oncall-strangers"
PACKAGES = (
    "python3", "python3-flask", "gunicorn", "python3-redis", "python3-psycopg2",
    "postgresql", "redis-server", "nginx-light", "curl",
)  # fmt: skip


def image():
    """The image's name; made now if it is not there."""
    base = _made(f"{REPOSITORY}-base:{_hash(repr((SUITE, PACKAGES, HOOKS, LEAN, platform.machine())))}", _base)
    context = _context()
    return _made(f"{REPOSITORY}:{_hash(base, context)}", lambda name: _thin(name, base, context))


def _made(name, make):
    if not engine.has_image(name):
        make(name)
    return name


def _base(name):
    if not shutil.which("mmdebstrap"):
        raise StackError("mmdebstrap is missing: on Debian, apt-get install mmdebstrap")
    with tempfile.TemporaryFile() as said:
        maker = subprocess.Popen(
            [
                "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
                "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in LEAN),
                *HOOKS, SUITE, "-", *mirror(),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
        taken = subprocess.run(["docker", "import", "-", name], stdin=maker.stdout, capture_output=True, check=False)
        maker.stdout.close()
        if maker.wait() or taken.returncode:
            engine.docker("image", "rm", name, check=False)
            said.seek(0)
            raise StackError(f"the image could not be made: {said.read()[-300:].decode(errors='replace')}")


def _thin(name, base, context):
    engine.docker("build", "-q", "--build-arg", f"BASE={base}", "-t", name, "-", give=context, timeout=300)


def _context():
    """A tar of the sources; the same bytes whenever the content is the same."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as archive:
        for path in (*sorted(SOURCES.iterdir()), ENTRYPOINT / "entrypoint.sh"):
            if path.is_file():
                content = path.read_bytes()
                entry = tarfile.TarInfo(path.name)
                entry.size, entry.mode = len(content), 0o755 if path.suffix == ".sh" else 0o644
                archive.addfile(entry, io.BytesIO(content))
    return blob.getvalue()


def _hash(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:12]
