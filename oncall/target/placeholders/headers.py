"""Headers of the target as options of curl; a secret in one is taken from where it is kept, and never shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from oncall.gate.patterns import Pattern
from oncall.target.placeholders.words import word

REFERENCE = Pattern(
    r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
)  # as oncall.target.secrets reads them: ${NAME}, and $${ for ${


def options(headers: Mapping[str, str], secrets_file: str) -> str:
    """`-H 'X-Shop: 1' -H "Authorization: Bearer ${TOKEN:-...}"`; empty where there are none."""
    return " ".join(f"-H {_header(f'{name}: {value}', secrets_file)}" for name, value in headers.items())


def _header(text: str, secrets_file: str) -> str:
    if not text.isprintable() or not REFERENCE.search(text):
        return word(text)
    parts, at = [], 0
    for found in REFERENCE.finditer(text):
        parts.append(_quoted(text[at : found.start()]))
        parts.append("\\${" if found[1] else _kept(found[2], secrets_file))
        at = found.end()
    return f'"{"".join(parts)}{_quoted(text[at:])}"'


def _kept(name: str, secrets_file: str) -> str:
    """The variable, or else its line in the file."""
    return f"${{{name}:-$(sed -n s/^{name}=//p {word(secrets_file)})}}"


def _quoted(text: str) -> str:
    return "".join(f"\\{sign}" if sign in '\\"$`' else sign for sign in text)
