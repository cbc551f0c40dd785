"""Where the Docker engine is, found as Docker's own client finds it; and whether that is another machine.

docker.host of the target, then DOCKER_HOST, then the current context (DOCKER_CONTEXT or config.json), then the usual
socket. Nothing is connected to here.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from oncall.finding import CouldNotCheck
from oncall.target.schema import Stack

LARGEST_FILE = 1 << 20
USUAL = "unix:///var/run/docker.sock"
FILES = ("unix", "http+unix")
NETWORK = ("tcp", "http", "https")
FORMS = "unix:///..., tcp://host:port or ssh://user@host"
OURS = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  compared with, not listened on


class Settings(Struct, rename="camel"):
    """config.json of the Docker client."""

    current_context: str | None = None


class Endpoint(Struct, rename="pascal"):
    """One of a context's endpoints."""

    host: str | None = None
    skip_tls_verify: bool = field(default=False, name="SkipTLSVerify")


class Context(Struct, rename="pascal"):
    """meta.json of a context."""

    endpoints: dict[str, Endpoint | None] | None = None


Known = TypeVar("Known", Settings, Context)


class EngineAddress(Struct, frozen=True):
    """An engine's address, and which setting named it. certificates: the folder of ca.pem, cert.pem and key.pem."""

    url: str
    source: str
    certificates: Path | None = None
    verify: bool = True

    @property
    def scheme(self) -> str:
        return self.url.partition("://")[0]

    @property
    def path(self) -> str:
        """The socket file's, on this machine."""
        return "/" + self.url.partition("://")[2].lstrip("/")

    @property
    def host(self) -> str:
        """The machine's name or address, "" for a socket on this one."""
        return "" if self.scheme in FILES else (urlsplit(self.url).hostname or "")

    @property
    def port(self) -> int:
        """Docker's usual one where none is given."""
        return urlsplit(self.url).port or (2376 if self.secured else 2375)

    @property
    def secured(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https" or (self.scheme in NETWORK and self.certificates is not None)

    @property
    def remote(self) -> bool:
        """Whether the address itself names another machine."""
        return self.host not in OURS

    @property
    def shown(self) -> str:
        """The address without a user or a password in it."""
        return self.url if not self.host else f"{self.scheme}://{urlsplit(self.url).netloc.rpartition('@')[2]}"


def engine_address(stack: Stack, environ: Mapping[str, str]) -> EngineAddress:
    """The engine to ask; raises CouldNotCheck for an address or a context that leads nowhere."""
    found = _named(stack, environ)
    try:
        parts = urlsplit(found.url)
        fine = found.scheme in FILES or (found.scheme in (*NETWORK, "ssh") and parts.hostname and parts.port != 0)
    except ValueError:
        fine = False
    if not fine or not found.url.isprintable():
        raise CouldNotCheck(f"{found.source} is no address of a Docker engine: set docker.host to {FORMS}")
    return found


def _named(stack: Stack, environ: Mapping[str, str]) -> EngineAddress:
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/") / ".docker")
    if stack.docker.host:
        return EngineAddress(stack.docker.host, "docker.host", *_environment_tls(stack.docker.host, environ, folder))
    if given := environ.get("DOCKER_HOST", "").strip():
        url = given if "://" in given else f"tcp://{given}"
        return EngineAddress(url, "DOCKER_HOST", *_environment_tls(url, environ, folder))
    context, source = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not context:
        context, source = _read(folder / "config.json", Settings).current_context or "", "the current context"
    if context in ("", "default"):
        return EngineAddress(USUAL, "the usual socket")
    return _of_context(folder, context, source)


def _of_context(folder: Path, context: str, source: str) -> EngineAddress:
    name = hashlib.sha256(context.encode("utf-8", "surrogateescape")).hexdigest()
    meta = _read(folder / "contexts" / "meta" / name / "meta.json", Context)
    endpoint = (meta.endpoints or {}).get("docker") or Endpoint()
    if not endpoint.host:
        raise CouldNotCheck(f"{source} names the Docker context {context!r}, which is not there: set docker.host")
    certificates = folder / "contexts" / "tls" / name / "docker"
    return EngineAddress(
        endpoint.host,
        f"{source} {context!r}",
        certificates if certificates.is_dir() else None,
        not endpoint.skip_tls_verify,
    )


def _environment_tls(url: str, environ: Mapping[str, str], folder: Path) -> tuple[Path | None, bool]:
    """DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, which concern tcp:// only."""
    path, verify = environ.get("DOCKER_CERT_PATH", ""), bool(environ.get("DOCKER_TLS_VERIFY"))
    wanted = url.startswith(("tcp://", "https://")) and (path or verify or url.startswith("https://"))
    return (Path(path) if path else folder, verify) if wanted else (None, True)


def _read(file: Path, kind: type[Known]) -> Known:
    """A file of the Docker client's; an empty record when it is not there."""
    try:
        with file.open("rb") as stream:
            return msgspec.json.decode(stream.read(LARGEST_FILE), type=kind)
    except FileNotFoundError:
        return kind()
    except OSError as error:
        reason = (error.strerror or "out of reach").lower()
    except (ValueError, RecursionError):
        reason = "it is not as Docker writes it"
    raise CouldNotCheck(f"{file.name} of the Docker client cannot be read ({reason}): set docker.host")
