"""The target file that describes this stack to whoever diagnoses it: only what differs from the defaults."""

import json
import shlex
from typing import Any

from stack import postgres, template
from stack.state import Home


def describe(home: Home, server: postgres.Server, ports: dict[str, int]) -> dict[str, Any]:
    backend, frontend = f"127.0.0.1:{ports['backend']}", f"127.0.0.1:{ports['frontend']}"
    return {
        "name": "reference",
        "secrets_file": str(home.secrets),
        "host": {
            "at": "local",
            "filesystems": [str(home.path), str(server.data)],
            "backup_file": str(home.backups / "*.dump"),
            "backup_reader": f"{shlex.quote(str(postgres.reader()))} --file=/dev/null {{file}}",
        },
        "docker": {"absent": True},
        "backend": {
            "process": {
                "pid_file": str(home.pid_file("backend")),
                "port": ports["backend"],
                "log_files": [str(home.log("backend")), str(home.log("backend.out"))],
            },
            "url": f"http://{backend}",
            "env_file": str(home.env_file("backend")),
            "metrics": {"headers": {"Authorization": "Bearer ${METRICS_TOKEN}"}},
            "endpoints": [
                {"name": "suites", "path": "/api/suites", "authorized": True},
                {"name": "tasks", "path": "/api/tasks?suite=7", "authorized": True},
            ],
        },
        "frontend": {
            "process": {
                "pid_file": str(home.pid_file("frontend")),
                "port": ports["frontend"],
                "log_files": [str(home.log("frontend"))],
            },
            "url": f"http://{frontend}",
            "certificates": [f"localhost:{ports['tls']}"],
            "ca_file": str(home.tls / "ca.pem"),
        },
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
        "postgres": {
            "process": {"pid_file": str(server.data / "postmaster.pid"), "port": ports["postgres"]},
            "host": "127.0.0.1",
            "port": ports["postgres"],
            "log_files": [str(server.log)],
        },
    }


def toml(table: dict[str, Any], place: str = "") -> str:
    """The few kinds of values that a target file holds."""
    lines, deeper = [], []
    for key, value in table.items():
        name = f"{place}.{key}" if place else key
        if isinstance(value, dict) and key != "headers":
            deeper.append(f"\n[{name}]\n{toml(value, name)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            deeper.extend(f"\n[[{name}]]\n{toml(each, name)}" for each in value)
        else:
            lines.append(f"{key} = {_value(value)}\n")
    return "".join(lines + deeper)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
