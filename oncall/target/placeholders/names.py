"""The placeholders that there are, and which of them are more than one word."""

import re

PLACEHOLDERS = frozenset(
    ("compose", "project", "backend", "frontend", "postgres", "service", "database", "database_user", "env_file")
    + ("secret_variable", "backup_file", "backend_url", "frontend_url", "health_path", "metrics_path", "page_path")
    + ("endpoint_path", "websocket_path", "websocket_urls", "login_path", "login_method", "login_type", "login_body")
    + ("account_key", "password_key", "pid", "mount", "asset_url", "address", "unit", "process", "log_files", "port")
    + ("in_postgres",)
    + ("find_process", "holder", "services", "units", "logs", "database_host", "database_port", "migrations_table")
    + ("health_headers", "metrics_headers", "endpoint_headers", "login_headers", "websocket_headers")
    + tuple(
        f"{name}_{kind}"
        for name in ("backend", "frontend", "postgres")
        for kind in ("unit", "process", "find_process", "log_files")
    )
)
FREE = frozenset(name for name in PLACEHOLDERS if name.endswith(("process", "log_files", "headers"))) | {
    *("compose", "services", "units", "logs", "backup_file", "websocket_urls", "in_postgres")
}
BLANKS = frozenset(
    ("SERVICE", "UNIT", "PORT", "PID", "LOG_FILE", "-u UNIT", "MIGRATIONS_TABLE")
)  # what stands where neither target nor finding knows
PLACEHOLDER = re.compile(r"(?<![{$%])\{([a-z_]+)\}(?!\})")  # not ${shell}, not {{docker}}, not %{curl}
