"""The signing secret in every place that holds one: each container of the backend, and the file they were made from.

The values are compared in here; what leaves is which places agree.
"""

from pathlib import Path

from oncall.facts.token import JwtSecretCopies, SecretCopy
from oncall.finding import CouldNotCheck
from oncall.probes.auth.jwt_secret import (
    UNRESOLVED,
    WrittenSecret,
    backend_containers,
    learn,
    named_file,
    shared_secret,
    written_in,
)
from oncall.probing.register import probe
from oncall.runtimes.runtime import Project
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets, shown


@probe(of="auth")
def jwt_secret_copies(stack: Stack, secrets: Secrets, project: Project) -> JwtSecretCopies:
    """Which containers of the backend, and which file, hold the same signing secret."""
    shared_secret(stack)
    name = stack.auth.secret_variable
    containers = backend_containers(stack, project)
    if not containers or (containers[0].kind != "container" and containers[0].status not in ("running", "paused")):
        raise CouldNotCheck("the backend is not running", root="service_containers.running[backend]")
    if unreadable := next((one for one in containers if one.unreadable), None):
        mend = "" if unreadable.kind == "container" else "; run the checks as its user or as root"
        raise CouldNotCheck(f"the environment of {unreadable.name} cannot be read: {unreadable.unreadable}{mend}")
    if any(named_file((one,), name) for one in containers):
        raise CouldNotCheck(
            f"{name} stands in a file of each container ({name}_FILE): whether these agree is not compared"
        )
    held = {f"the environment of {one.name}": one.environment.get(name) for one in containers}
    if not any(value and value.strip() for value in held.values()):
        raise CouldNotCheck(f"{name} is not set in {' or in '.join(held)}", root="jwt_secret")
    for value in held.values():
        learn(secrets, value or "")
    filed = _filed(stack, secrets, of_the_host=containers[0].kind != "container")
    everywhere = {place: (value,) if value else () for place, value in held.items()} | filed
    groups: list[tuple[str, ...]] = []
    copies = []
    for place, readings in everywhere.items():
        number = next((number for number, group in enumerate(groups, 1) if set(group) & set(readings)), 0)
        if readings and not number:
            groups.append(readings)
            number = len(groups)
        copies.append(SecretCopy(place=place, group=number, filed=place in filed))
    return JwtSecretCopies(variable=name, copies=tuple(copies))


def _filed(stack: Stack, secrets: Secrets, *, of_the_host: bool) -> dict[str, tuple[str, ...]]:
    """What a container made from the file now may get; nothing where the file does not tell.

    of_the_host: it is a unit or a process, whose variables stand in no other file: one that is not there is missing.
    """
    own = bool(stack.backend.env_file) and stack.host.at == "local"
    file, key = (stack.backend.env_file, "backend.env_file") if own else (stack.secrets_file, "secrets_file")
    if not file:
        return {}
    written = written_in(Path(file), key, stack.auth.secret_variable, wanted=own)
    if written is None and own and of_the_host:
        return {shown(Path(file)): ()}
    if written is None or UNRESOLVED.search(written):
        return {}
    readings = tuple(value for value in WrittenSecret(written, file).readings if value)
    for value in readings:
        learn(secrets, value)
    return {shown(Path(file)): readings}
