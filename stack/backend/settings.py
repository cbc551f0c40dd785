"""Everything that the backend can be told, from its environment."""

import os
from dataclasses import dataclass, field


def _text(name: str, default: str) -> str:
    return field(default_factory=lambda: os.environ.get(name, default))


def _number(name: str, default: float) -> float:
    return field(default_factory=lambda: float(os.environ.get(name) or default))


def _names(name: str, default: str) -> tuple[str, ...]:
    return field(default_factory=lambda: tuple(part.strip() for part in os.environ.get(name, default).split(",")))


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    database_url: str = _text("DATABASE_URL", "")
    database_connections: float = _number("DATABASE_CONNECTIONS", 5)
    database_timeout: float = _number("DATABASE_TIMEOUT_SECONDS", 1)
    query_timeout: float = _number("QUERY_TIMEOUT_SECONDS", 10)
    host: str = _text("HOST", "127.0.0.1")
    port: float = _number("PORT", 3001)
    log_file: str = _text("LOG_FILE", "")
    log_level: str = _text("LOG_LEVEL", "INFO")
    log_format: str = _text("LOG_FORMAT", "json")  # or plain, or apache: without accounts, with times of their own
    memory_limit_mb: float = _number("MEMORY_LIMIT_MB", 512)
    health_error_status: float = _number("HEALTH_ERROR_STATUS", 503)
    metrics_token: str = _text("METRICS_TOKEN", "")  # empty: the metrics are open to everybody
    jwt_secret: str = _text("JWT_SECRET", "")
    jwt_previous_secrets: tuple[str, ...] | None = field(  # accepted still while a new secret is rolled out
        default_factory=lambda: (
            tuple(os.environ.get("JWT_PREVIOUS_SECRETS", "").split(","))
            if "JWT_PREVIOUS_SECRETS" in os.environ
            else None
        )
    )
    jwt_algorithm: str = _text("JWT_ALGORITHM", "HS256")  # what new tokens are signed with
    jwt_algorithms: tuple[str, ...] = _names("JWT_ALGORITHMS", "HS256")  # what is accepted
    jwt_verify_signature: str = _text("JWT_VERIFY_SIGNATURE", "on")
    jwt_leeway: float = _number("JWT_LEEWAY_SECONDS", 0)
    login_seconds: float = _number("LOGIN_SECONDS", 0)  # what a login takes beside its work
    token_hours: float = _number("TOKEN_HOURS", 8)
    token_not_before: float = _number("TOKEN_NOT_BEFORE_SECONDS", 0)
    token_subject: str = _text("TOKEN_SUBJECT", "")  # whose every token is; empty: of whoever logs in
    public_paths: tuple[str, ...] = _names("PUBLIC_PATHS", "")
    websocket_path: str = _text("WEBSOCKET_PATH", "/realtime")
    websocket_origins: tuple[str, ...] = _names("WEBSOCKET_ORIGINS", "")  # empty: any
    websocket_verify: str = _text("WEBSOCKET_VERIFY", "on")
    websocket_limit: float = _number("WEBSOCKET_LIMIT", 2000)
    websocket_idle: float = _number("WEBSOCKET_IDLE_SECONDS", 0)  # closed when silent for so long; 0: never
