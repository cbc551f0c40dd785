"""Everything that the frontend can be told, from its environment."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    page: str
    upstream: str
    host: str
    port: int
    tls_port: int
    tls_certificate: str
    tls_key: str
    proxy_paths: tuple[str, ...]
    upgrade_paths: tuple[str, ...]
    upstream_timeout: float
    log_level: str


def from_environment() -> Settings:
    say = os.environ.get
    return Settings(
        page=say("PAGE", "page"),
        upstream=say("UPSTREAM", "http://127.0.0.1:3001"),
        host=say("HOST", "127.0.0.1"),
        port=int(say("PORT", "3000")),
        tls_port=int(say("TLS_PORT", "3443")),
        tls_certificate=say("TLS_CERTIFICATE", ""),
        tls_key=say("TLS_KEY", ""),
        proxy_paths=_paths(say("PROXY_PATHS", "/api/,/realtime")),
        upgrade_paths=_paths(say("UPGRADE_PATHS", "/realtime")),
        upstream_timeout=float(say("UPSTREAM_TIMEOUT_SECONDS", "15")),
        log_level=say("LOG_LEVEL", "INFO"),
    )


def _paths(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
