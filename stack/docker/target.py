"""The target file that describes the stack under Compose: only what differs from the defaults."""

import os
import shlex
from contextlib import suppress
from typing import Any

from stack import postgres, template
from stack.state import Home, StackError


def describe(home: Home, project: str, ports: dict[str, int], compose: str) -> dict[str, Any]:
    backend, frontend = f"127.0.0.1:{ports['backend']}", f"127.0.0.1:{ports['frontend']}"
    host: dict[str, Any] = {"at": "local", "filesystems": [str(home.path)]}
    with suppress(StackError):  # without the wheel nothing here reads a backup: no backups then
        host["backup_reader"] = f"{shlex.quote(str(postgres.reader()))} --list {{file}}"
        host["backup_file"] = str(home.backups / "*.dump")
    return {
        "name": "reference",
        "secrets_file": str(home.secrets),
        "compose": compose,
        "host": host,
        "docker": {"project": project, "host": os.environ.get("DOCKER_HOST", "")},
        "backend": {
            "url": f"http://{backend}",
            "env_file": str(home.env_file("backend")),
            "metrics": {"headers": {"Authorization": "Bearer ${METRICS_TOKEN}"}},
            "endpoints": [
                {"name": "suites", "path": "/api/suites", "authorized": True},
                {"name": "tasks", "path": "/api/tasks?suite=7", "authorized": True},
            ],
        },
        "frontend": {"url": f"http://{frontend}"},
        "auth": {"migrations_folder": str(template.MIGRATIONS), "account_claim": "sub"},
        "browser": {
            "account_selector": "#login input[name=username]",
            "submit_selector": "#login button",
            "offline_selector": "#offline",
        },
        "websocket": {
            "url": f"ws://{backend}/realtime",
            "public_url": f"ws://{frontend}/realtime",
            "token_in": "query",
            "first_message": '{"type":"hello"}',
            "first_answer_contains": '"welcome"',
        },
        "postgres": {"host": "127.0.0.1", "port": ports["postgres"]},
    }
