"""Where the Docker engine is, found as Docker's own client finds it; and whether that is another machine.

docker.host of the target, then DOCKER_HOST, then the current context (DOCKER_CONTEXT or config.json), then the usual
socket. Nothing is connected to here.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from oncall.config import Stack
from oncall.finding import CouldNotCheck

USUAL = "unix:///var/run/docker.sock"
OURS = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  compared with, not listened on


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
    def host(self) -> str:
        """The machine's name or address, "" for a socket on this one."""
        return "" if self.scheme in ("unix", "http+unix") else (urlsplit(self.url).hostname or "")

    @property
    def remote(self) -> bool:
        """Whether the address itself names another machine."""
        return self.host not in OURS

    @property
    def shown(self) -> str:
        """The address without a user or a password in it."""
        return self.url if not self.host else f"{self.scheme}://{urlsplit(self.url).netloc.rpartition('@')[2]}"


def engine_address(stack: Stack, environ: Mapping[str, str]) -> EngineAddress:
    """The engine to ask; raises CouldNotCheck when a context is named that is not there or cannot be read."""
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "/") / ".docker")
    if stack.docker.host:
        return EngineAddress(stack.docker.host, "docker.host", *_environment_tls(stack.docker.host, environ, folder))
    if given := environ.get("DOCKER_HOST", "").strip():
        url = given if "://" in given else f"tcp://{given}"
        return EngineAddress(url, "DOCKER_HOST", *_environment_tls(url, environ, folder))
    context, source = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not context:
        context, source = str(_json(folder / "config.json").get("currentContext") or ""), "the current context"
    if context in ("", "default"):
        return EngineAddress(USUAL, "the usual socket")
    return _of_context(folder, context, source)


def _of_context(folder: Path, context: str, source: str) -> EngineAddress:
    name = hashlib.sha256(context.encode()).hexdigest()
    endpoint = _json(folder / "contexts" / "meta" / name / "meta.json").get("Endpoints", {}).get("docker", {})
    if not endpoint.get("Host"):
        raise CouldNotCheck(f"{source} names the Docker context {context!r}, which is not there: set docker.host")
    certificates = folder / "contexts" / "tls" / name / "docker"
    return EngineAddress(
        str(endpoint["Host"]),
        f"{source} {context!r}",
        certificates if certificates.is_dir() else None,
        not endpoint.get("SkipTLSVerify"),
    )


def _environment_tls(url: str, environ: Mapping[str, str], folder: Path) -> tuple[Path | None, bool]:
    """DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, which concern tcp:// only."""
    path, verify = environ.get("DOCKER_CERT_PATH", ""), bool(environ.get("DOCKER_TLS_VERIFY"))
    wanted = url.startswith(("tcp://", "https://")) and (path or verify or url.startswith("https://"))
    return (Path(path) if path else folder, verify) if wanted else (None, True)


def _json(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CouldNotCheck(f"{file.name} of the Docker client cannot be read ({error}): set docker.host") from None
    return read if isinstance(read, dict) else {}
