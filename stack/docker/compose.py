"""Which Compose: the command in COMPOSE, else the plugin, else docker-compose, else the v2 that was fetched before."""

import os
import platform
import shlex
import shutil
import tempfile
from pathlib import Path

from stack.docker import engine
from stack.docker.image import SUITE, mirror
from stack.state import StackError
from stack.template import cache_folder

FILE = Path(__file__).resolve().parent.parent / "compose.yaml"
PLUGIN = Path("usr/libexec/docker/cli-plugins/docker-compose")


def command() -> list[str]:
    """The words that start Compose."""
    if given := os.environ.get("COMPOSE"):
        words = shlex.split(given)
        if not words or not shutil.which(words[0]):
            raise StackError(f"COMPOSE is {given}: there is no such command")
        return words
    if engine.run(["docker", "compose", "version"], timeout=15).returncode == 0:
        return ["docker", "compose"]
    if found := shutil.which("docker-compose"):
        return [found]
    if fetched().is_file():
        return [str(fetched())]
    raise StackError(
        "Compose is missing: install it (on Debian: apt-get install docker-compose), or run "
        "`python -m stack compose-v2` and put the path that it prints into COMPOSE"
    )


def version(words: list[str]) -> str:
    done = engine.run([*words, "version", "--short"], timeout=30)
    if done.returncode:
        raise StackError(f"{' '.join(words)} does not work: {engine.last_words(done)}")
    return done.stdout.decode().strip().removeprefix("v")


def fetched() -> Path:
    return cache_folder() / f"compose-{SUITE}" / "docker-compose"


def fetch() -> Path:
    """Compose v2 from Debian's own package, laid beside; nothing is installed."""
    if fetched().is_file():
        return fetched()
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise StackError(f"{tool} is missing: only a Debian machine can fetch Compose v2 this way")
    places = mirror()
    if not places:
        raise StackError("apt's sources name no Debian mirror: Compose v2 cannot be fetched")
    with tempfile.TemporaryDirectory(prefix="oncall-compose-") as name:
        folder = Path(name)
        options = _private_apt(folder, places[0])
        for words in (["update", "-q"], ["download", "-q", "docker-compose"]):
            done = engine.run(["apt-get", *options, *words], timeout=180, cwd=folder)
            if done.returncode:
                raise StackError(f"Compose v2 cannot be fetched: {engine.last_words(done)}")
        package = next(folder.glob("docker-compose_*.deb"), None)
        if package is None:
            raise StackError("Compose v2 cannot be fetched: apt-get brought no package")
        done = engine.run(["dpkg-deb", "-x", str(package), str(folder / "x")], timeout=60)
        found = next(
            (each for each in (folder / "x" / PLUGIN, folder / "x/usr/bin/docker-compose") if each.is_file()), None
        )
        if done.returncode or found is None:
            raise StackError("Debian's package docker-compose does not hold what was expected")
        fetched().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = fetched().with_suffix(".new")
        shutil.copy2(found, new)
        new.replace(fetched())
    return fetched()


def _private_apt(folder: Path, place: str) -> list[str]:
    """apt with lists of its own, so that the machine's stay as they are."""
    for each in ("lists/partial", "cache/archives/partial"):
        (folder / each).mkdir(parents=True)
    (folder / "status").touch()
    keys = next(iter(sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))), None)
    signed = f" [signed-by={keys}]" if keys else ""
    (folder / "sources.list").write_text(f"deb{signed} {place} {SUITE} main\n")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder / "cache",
        "APT::Architecture": machine,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
