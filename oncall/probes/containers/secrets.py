"""Secrets in the containers' environments, made known before a line of their logs leaves."""

from collections.abc import Mapping
from urllib.parse import unquote

from oncall.gate.patterns import Pattern
from oncall.gate.redaction import NAMED_SECRET
from oncall.runtimes.runtime import Project
from oncall.target.secrets import Secrets

MOST = 512  # values of one container: real ones have a dozen, and each is looked for in every text of the run
LONGEST = 4096  # characters of a value, as long as a private key: a longer one is a document, known by its beginning
IN_ADDRESS = Pattern(r"(?s)\w[\w+.-]*://[^/:@\s]*:(.+)@[^@]*\z")
CREDENTIAL = Pattern(r"(?i)secret|passw|private|credential|_pw\z|_pass\z")
PLAIN = Pattern(
    r"(?i)true|false|yes|no|on|off|none|null|\d{1,4}|/.*|secret|token|default|test|password|login"
)  # fmt: skip


def learn_environments(project: Project, secrets: Secrets) -> None:
    """Every value that is a secret by its variable's name, and every password inside an address."""
    for container in project.containers:
        for value in credentials(container.environment):
            secrets.learn(value)


def credentials(environment: Mapping[str, str]) -> list[str]:
    """What is secret in an environment, at most MOST values: passwords first, then tokens and the like."""
    ranked: tuple[dict[str, None], ...] = {}, {}, {}
    for name, written in environment.items():
        name, value = name[:256], written[:LONGEST].strip().strip("'\"")
        if found := IN_ADDRESS.match(value):
            ranked[0].update({found[1]: None, unquote(found[1]): None})
        elif NAMED_SECRET.search(name) and not PLAIN.fullmatch(value):
            ranked[1 if CREDENTIAL.search(name) else 2][value] = None
    return list(ranked[0] | ranked[1] | ranked[2])[:MOST]
