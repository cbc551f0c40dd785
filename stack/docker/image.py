"""The images: pulled and built where a registry can be reached, else made from Debian's packages.

`python -m stack image` makes one base image of a minimal Debian (mmdebstrap, through the machine's own mirror) with
Python, PostgreSQL and nginx, and three thin ones on top. The hash of the recipe is in their tags: made once.
"""

import fcntl
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.docker import engine, seed
from stack.frontend import build
from stack.state import ROOT, StackError
from stack.template import cache_folder

Tell = Callable[[str], None]

HERE = Path(__file__).parent
REPOSITORY = "oncall-stack"
LABEL = "oncall.recipe"
SUITE = "trixie"
PYTHON = "3.13"
PACKAGES = ("python3", "postgresql", "nginx-light", "curl")
HOOKS = (
    "--essential-hook=mkdir -p $1/etc/postgresql-common"
    " && echo create_main_cluster = false > $1/etc/postgresql-common/createcluster.conf",
    "--customize-hook=rm -f $1/etc/nginx/sites-enabled/default $1/etc/apt/sources.list $1/etc/apt/sources.list.d/*",
    "--customize-hook=ln -sf /dev/stdout $1/var/log/nginx/access.log && ln -sf /dev/stderr $1/var/log/nginx/error.log",
    "--customize-hook=mkdir -p $1/docker-entrypoint-initdb.d",
)
LEAN = ("doc", "man", "locale")
LEAN_SERVER = (  # nothing of the seeding has to survive a crash: it is made again
    "shared_preload_libraries=pg_stat_statements", "fsync=off", "autovacuum=off",
    "wal_level=minimal", "max_wal_senders=0", "min_wal_size=32MB", "max_wal_size=64MB",
)  # fmt: skip
SERVICES = ("postgres", "backend", "frontend")
PULLED = {"postgres": "postgres:18", "backend": f"{REPOSITORY}-backend", "frontend": f"{REPOSITORY}-frontend"}


def images(tell: Tell) -> dict[str, str]:
    """An image for each service. STACK_IMAGES=pulled|debian decides; else Debian's, if they are or can be made."""
    wanted = os.environ.get("STACK_IMAGES") or ("debian" if shutil.which("mmdebstrap") or _all_made() else "pulled")
    if wanted == "debian":
        return debian(tell)
    if wanted == "pulled":
        return pulled(tell)
    raise StackError(f"STACK_IMAGES is {wanted}: it can be pulled or debian")


def pulled(tell: Tell) -> dict[str, str]:
    with _one_at_a_time():
        if not engine.has_image(PULLED["postgres"]):
            tell(f"pulling {PULLED['postgres']}")
        for service, name in PULLED.items():
            if service == "postgres":
                done = None if engine.has_image(name) else engine.run(["docker", "pull", "-q", name], timeout=600)
            else:
                file = str(HERE / "Dockerfile")
                words = ["docker", "build", "-q", "-f", file, "--target", service, "-t", name, str(ROOT)]
                done = engine.run(words, timeout=900, env={"DOCKER_BUILDKIT": "1"} if _has_buildx() else {})
            if done and done.returncode:
                raise StackError(
                    f"the image {name} cannot be had ({engine.last_words(done)}): with mmdebstrap installed (on "
                    "Debian: apt-get install mmdebstrap), `python -m stack image` makes it from Debian's packages"
                )
    return dict(PULLED)


def debian(tell: Tell) -> dict[str, str]:
    """The images made from Debian's packages; made now if they are not there."""
    names = tags()
    if not _all_made():
        with _one_at_a_time():
            _make_base(tell)
            for service in SERVICES:
                _make_thin(service)
    return names


def tags() -> dict[str, str]:
    return {service: f"{REPOSITORY}-{service}:{_hash(_base_tag(), _context(service))}" for service in SERVICES}


def data_image(postgres: str, tell: Tell) -> str:
    """An image that holds the seeded cluster in /template: a copy of it is a database in half a second."""
    identity = engine.docker("image", "inspect", "--format", "{{.Id}}", postgres)
    name = f"{REPOSITORY}-data:{_hash(identity, seed.text(), *LEAN_SERVER)}"
    if engine.has_image(name):
        return name
    with _one_at_a_time():
        if not engine.has_image(name):
            tell("preparing the database (once)")
            _seed(postgres, name)
    return name


def _seed(postgres: str, name: str) -> None:
    container = f"oncall-seed-{os.getpid()}"
    known = {name: "to-be-replaced" for name in ("APP_DB_PASSWORD", "ONCALL_DB_PASSWORD", "ONCALL_PASSWORD")}
    told = {
        "POSTGRES_DB": "motel", "POSTGRES_PASSWORD": "to-be-replaced", "PGDATA": "/template",
        "POSTGRES_INITDB_ARGS": initdb_arguments(),
    }  # fmt: skip
    variables = [word for each, value in told.items() for word in ("-e", f"{each}={value}")]
    lean = [word for setting in LEAN_SERVER for word in ("-c", setting)]
    try:
        engine.docker("run", "-d", "--name", container, "--network", "none", *variables, postgres, "postgres", *lean)
        until = time.monotonic() + 60
        while engine.run(["docker", "exec", container, "pg_isready", "-q", "-h", "127.0.0.1"], timeout=15).returncode:
            if time.monotonic() > until:
                said = engine.run(["docker", "logs", "--tail", "3", container], timeout=15)
                raise StackError(f"the database could not be prepared: {engine.last_words(said)}")
            time.sleep(0.2)
        psql = ["psql", "-U", "postgres", "-d", "motel", "-v", "ON_ERROR_STOP=1", "-qX"]
        variables = [word for each, value in known.items() for word in ("-e", f"{each}={value}")]
        engine.docker("exec", "-i", *variables, container, *psql, give=seed.text().encode())
        engine.docker("stop", "-t", "30", container)
        engine.docker("commit", "-c", f"LABEL {LABEL}={name.rpartition(':')[2]}", container, name)
    finally:
        engine.docker("rm", "-f", "-v", container, check=False)
    _forget_old(name)


def initdb_arguments() -> str:
    return "--data-checksums --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C"


def lay_out(service: str, folder: Path) -> dict[str, object]:
    """What the image is made from, laid out for `docker-compose build`; the `build:` of its Compose file."""
    for path, content in _contents(service).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o644)
    told = {"context": str(folder), "dockerfile": "Dockerfile", "target": service, "args": {"BASE": _base_tag()}}
    return {**told, "labels": {LABEL: tags()[service].rpartition(":")[2]}}  # the very same image again


def _all_made() -> bool:
    return all(engine.has_image(name) for name in tags().values())


def _base_tag() -> str:
    recipe = (SUITE, PYTHON, *PACKAGES, *HOOKS, *LEAN, (HERE / "requirements.txt").read_text(), platform.machine())
    return f"{REPOSITORY}-base:{_hash(*recipe)}"


def _make_base(tell: Tell) -> None:
    name = _base_tag()
    if engine.has_image(name):
        return
    if not shutil.which("mmdebstrap"):
        raise StackError("mmdebstrap is missing: on Debian, apt-get install mmdebstrap")
    tell("making the base image from Debian's packages (once, about a minute)")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oncall-image-") as folder:
        site = Path(folder, "site")
        site.mkdir()
        _python_packages(site)
        place = f"/usr/local/lib/python{PYTHON}/dist-packages"
        command = [
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            "--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in LEAN), *HOOKS,
            f"--customize-hook=mkdir -p $1{place}", f"--customize-hook=sync-in {site} {place}",
            SUITE, "-", *mirror(),
        ]  # fmt: skip
        said = Path(folder, "said")
        with said.open("wb") as log:
            maker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            words = ["docker", "import", "--change", f"LABEL {LABEL}={name.rpartition(':')[2]}", "-", name]
            taken = subprocess.run(words, stdin=maker.stdout, capture_output=True, check=False)
            assert maker.stdout
            maker.stdout.close()
            made = maker.wait()
        if made or taken.returncode:
            engine.docker("image", "rm", name, check=False)
            errors = [line for line in said.read_text(errors="replace").splitlines() if line.startswith(("E:", "W:"))]
            reason = " | ".join(errors[-3:]) if made else engine.last_words(taken)
            raise StackError(f"the base image could not be made: {reason or f'mmdebstrap ended with {made}'}")
    _forget_old(name)
    tell(f"made it in {time.monotonic() - start:.0f} s")


def _python_packages(folder: Path) -> None:
    """What the backend needs, for the image's Python rather than for this one."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    platforms = [f"--platform={kind}_{machine}" for kind in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")]
    done = engine.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
            "--target", str(folder), "--python-version", PYTHON, "--implementation", "cp", "--only-binary=:all:",
            *platforms, "-r", str(HERE / "requirements.txt"),
        ],
        timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise StackError(f"the backend's Python packages could not be had: {engine.last_words(done)}")


def mirror() -> list[str]:
    """Where this machine gets Debian from; nothing where it is no Debian: then mmdebstrap knows."""
    if not shutil.which("apt-get"):
        return []
    words = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    done = engine.run(words, timeout=30)
    found = [line.split(" ", 1) for line in done.stdout.decode().splitlines() if " " in line]
    places = [uri for origin, uri in found if origin == "Debian" and "security" not in uri]
    return places[:1]


def _make_thin(service: str) -> None:
    name = tags()[service]
    if engine.has_image(name):
        return
    label = f"{LABEL}={name.rpartition(':')[2]}"
    engine.docker(
        "build", "-q", "--build-arg", f"BASE={_base_tag()}", "--label", label, "-t", name, "-",
        give=_context(service), timeout=300,
    )  # fmt: skip
    _forget_old(name)


def _contents(service: str) -> dict[str, bytes]:
    """What goes into the image, by path."""
    contents = {"Dockerfile": (HERE / "debian" / f"{service}.Dockerfile").read_bytes()}
    if service == "postgres":
        contents["entrypoint.sh"] = (HERE / "entrypoint.sh").read_bytes()
    elif service == "backend":
        for file in (ROOT / "stack" / "__init__.py", *sorted((ROOT / "stack" / "backend").glob("*.py"))):
            contents[str(file.relative_to(ROOT))] = file.read_bytes()
    else:
        with tempfile.TemporaryDirectory() as folder:
            build.build(Path(folder, "page"))
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    contents[str(file.relative_to(folder))] = file.read_bytes()
    return contents


def _context(service: str) -> bytes:
    """A tar of it; the same bytes whenever the content is the same."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as archive:
        for path, content in _contents(service).items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755 if path.endswith(".sh") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return blob.getvalue()


def _forget_old(name: str, count: int = 2) -> None:
    """Earlier recipes' images; those in use stay."""
    repository = name.rpartition(":")[0]
    known = engine.lines("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository)  # newest first
    for old in [each for each in known if each != name][count - 1 :]:
        engine.docker("image", "rm", old, check=False)


def _has_buildx() -> bool:
    return engine.run(["docker", "buildx", "version"], timeout=15).returncode == 0


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()[:12]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two commands never make the same image."""
    place = cache_folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
