"""Secrets in the containers' environments, made known before a line of their logs leaves."""

import re
from urllib.parse import unquote

from oncall.probes.runtime import Project
from oncall.secrets import Secrets

NAMED = re.compile(r"(?i)secret|passw|token|api_?key|private|credential|salt|dsn|_pw$|_pass$")
IN_ADDRESS = re.compile(r"(?s)\w[\w+.-]*://[^/:@\s]*:(.+)@[^@]*$")
PLAIN = re.compile(r"(?i)true|false|yes|no|on|off|none|null|\d{1,4}|/.*|secret|token|default|test|password|login")


def learn_environments(project: Project, secrets: Secrets) -> None:
    """Every value that is a secret by its variable's name, and every password inside an address."""
    for container in project.containers:
        for name, written in container.environment.items():
            value = written.strip().strip("'\"")
            if found := IN_ADDRESS.match(value):
                secrets.learn(found[1])
                secrets.learn(unquote(found[1]))
            elif NAMED.search(name) and not PLAIN.fullmatch(value):
                secrets.learn(value)
