"""The backend's signing secret, judged in here so that only the judgement leaves.

Its value is what the backend's containers have in their environment. Where there is no container it is read from the
backend's own file of variables. What the backend makes of quotes there depends on what reads the file, so the token
that it signs decides; where there is none, the question stays open.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oncall.facts.token import JwtSecret
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.gate.reading import Unreadable, read_regular
from oncall.probes.auth.jwt_parts import SHARED, parts_of, signed_with
from oncall.probes.auth.known_secrets import WELL_KNOWN
from oncall.probes.auth.login import AccessToken
from oncall.probing.register import client, probe
from oncall.runtimes.runtime import Container, ContainerRuntime, Project
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets, load, meant, shown

UNRESOLVED = Pattern(r"\$\{[^}]*\}|\$\([^)]*\)")
NEITHER = Pattern(r"[^a-z0-9]")
LONGEST = 4096  # characters of a secret that are looked at for being a usual one
BYTES = {"HS384": 48, "HS512": 64}
SPOKEN = {"secret", "token", "default", "test", "password", "login", "value", "jwt", "key"}  # words of our own reports


@dataclass(frozen=True)
class WrittenSecret:
    """The secret as it is written; None: it is not there.

    as_it_is: it comes from a process's environment, so nothing reads quotes out of it any more.
    replicas: what the other containers of the backend have.
    """

    written: str | None = field(repr=False)
    source: str
    as_it_is: bool = False
    replicas: tuple[str, ...] = field(default=(), repr=False)

    @property
    def meant(self) -> str:
        """The value without the quotes and the comment around it."""
        return (self.written or "") if self.as_it_is else meant(self.written or "")

    @property
    def literal(self) -> str:
        """The value as a reader that knows no quotes takes it."""
        return (self.written or "") if self.as_it_is else (self.written or "").strip()

    @property
    def readings(self) -> tuple[str, ...]:
        """What the backend may make of it."""
        return tuple(dict.fromkeys((self.meant, self.literal, self.written or "", *self.replicas)))

    @property
    def in_quotes(self) -> bool:
        return _quoted(self.literal)

    @property
    def usable(self) -> bool:
        return bool(self.meant.strip())


@client(of="auth", optional=("project", "docker_client"))
def written_secret(
    stack: Stack,
    secrets: Secrets,
    project: Project | CouldNotCheck | NotPart,
    docker_client: ContainerRuntime | CouldNotCheck | NotPart,
) -> WrittenSecret:
    """The backend's signing secret, from its containers, or from the file of its variables where it has none."""
    shared_secret(stack)
    if isinstance(project, CouldNotCheck):
        raise project
    containers, name = backend_containers(stack, project), stack.auth.secret_variable
    filed = not containers or (containers[0].kind != "container" and _reads_it_itself(stack, containers, name))
    if not filed and (named := named_file(containers, name)):
        value = in_named_file(stack, containers[0], name, named, docker_client)
        secret = WrittenSecret(value, f"{named} in {containers[0].name}", as_it_is=True)
    else:
        secret = in_file(stack, project) if filed else in_containers(containers, name)
    for value in secret.readings:
        learn(secrets, value)
    return secret


def shared_secret(stack: Stack) -> None:
    """Raise NotPart when the target file says that no token is signed with a shared secret."""
    auth = stack.auth
    if auth.scheme == "opaque" and not auth.absent:
        raise Declared(f"says that tokens are opaque ({stack.key('auth.scheme')})")
    if auth.absent or not any(name in SHARED for name in auth.algorithms):
        raise Declared(f"says that no token is signed with a shared secret ({stack.key('auth.algorithms')})")


def backend_containers(stack: Stack, project: Project | NotPart) -> tuple[Container, ...]:
    """The backend's containers: those that run, else those that did."""
    try:
        found = project.of(stack.backend.found_by) if isinstance(project, Project) else ()
    except NotPart:
        return ()
    return tuple(one for one in found if one.running) or found


def _reads_it_itself(stack: Stack, containers: tuple[Container, ...], name: str) -> bool:
    """Whether a unit or process has no such variable from its start, and a file that it may read by itself."""
    return bool(stack.backend.env_file) and not any(one.environment.get(name) for one in containers)


def in_containers(containers: tuple[Container, ...], name: str) -> WrittenSecret:
    """The value of the first container; raises CouldNotCheck when it stands in a file inside."""
    first = containers[0]
    if first.unreadable:
        root = "" if first.running else "service_containers.running[backend]"
        raise CouldNotCheck(f"the environment of {first.name} cannot be read: {first.unreadable}", root=root)
    others = (one.environment.get(name, "") for one in containers[1:])
    written = first.environment.get(name)
    return WrittenSecret(written, f"the environment of {first.name}", True, tuple(value for value in others if value))


def named_file(containers: tuple[Container, ...], name: str) -> str:
    """The file that holds the secret where the variable names one, as Docker's own secrets do; empty: none."""
    environment = containers[0].environment
    return "" if name in environment else environment.get(f"{name}_FILE", "").strip()


def in_named_file(
    stack: Stack, container: Container, name: str, path: str, runtime: ContainerRuntime | CouldNotCheck | NotPart
) -> str:
    """What that file holds, without the line's end: read inside the container, or on this host of a process."""
    variable = f"{name}_FILE"
    if container.kind != "container":
        if stack.host.at != "local":
            raise CouldNotCheck(f"{name} stands in {path} on {stack.host.at} ({variable}): run the checks there")
        try:
            return read_regular(Path(path), LONGEST).decode("utf-8", "surrogateescape").rstrip("\r\n")
        except Unreadable as error:
            raise CouldNotCheck(f"{name} stands in {path} ({variable}), which cannot be read: {error}") from None
    inside = f"{container.name} reads {name} from {path} ({variable})"
    if not stack.docker.exec:
        raise CouldNotCheck(f"{inside}, and docker.exec = false", setting="docker.exec")
    if isinstance(runtime, CouldNotCheck | NotPart) or not container.running:
        raise CouldNotCheck(f"{inside}, which is not looked into", root="service_containers.running[backend]")
    told = runtime.run(container, "head", "-c", str(LONGEST), "--", path, seconds=1.5)
    if told.code != 0:
        raise CouldNotCheck(f"{inside}, which could not be read there (head ended with {told.code})")
    return told.output.rstrip("\r\n")


def in_file(stack: Stack, project: Project | NotPart) -> WrittenSecret:
    """The value in the file of the backend's variables."""
    name, file = stack.auth.secret_variable, stack.backend.env_file
    if not file:
        lacking = "the backend has no container, and " if isinstance(project, Project) else ""
        raise CouldNotCheck(f"{lacking}no place to look for {name}: set {stack.key('backend.env_file')}")
    if stack.host.at != "local":
        raise CouldNotCheck(f"backend.env_file stands on {stack.host.at}: run the checks there to look at {name}")
    return WrittenSecret(written_in(Path(file), "backend.env_file", name, wanted=True), shown(Path(file)))


def written_in(path: Path, key: str, name: str, *, wanted: bool) -> str | None:
    """A file's value as it is written, None where it has none.

    Raises CouldNotCheck when the file cannot be read, or is wanted and not there, or does not say what the value is.
    """
    file = load(path)
    named = file.values.get(f"{name}_FILE", "").strip()
    if name not in file.written and named:
        raise CouldNotCheck(
            f"{key} {shown(path)} says that {name} stands in {named} ({name}_FILE): start the backend to see it"
        )
    problem = file.problem or ("there is no such file" if wanted and not path.exists() else "")
    if problem:
        raise CouldNotCheck(f"{key} {shown(path)} cannot be read: {problem}")
    if unreadable := file.problems.get(name):
        raise CouldNotCheck(f"{name} in {key} {shown(path)} {unreadable}")
    return file.written.get(name)


def learn(secrets: Secrets, value: str) -> None:
    """Make a secret known, unless it is a word that our own sentences need."""
    if value.lower() not in SPOKEN:  # masking such a word would mutilate every sentence, and so give it away
        secrets.learn(value)


@probe(of="auth", optional=("access_token",))
def jwt_secret(
    stack: Stack,
    limits: Limits,
    written_secret: WrittenSecret,
    access_token: AccessToken | CouldNotCheck | NotPart,
    jwt_library: Any,
    secrets: Secrets,
) -> JwtSecret:
    """Whether the backend's signing secret is there, and how good it is."""
    shared = [name for name in stack.auth.algorithms if name in SHARED]
    name, source = stack.auth.secret_variable, written_secret.source
    if written_secret.written is None:
        return JwtSecret(variable=name, source=source)
    parts = parts_of(access_token.value) if isinstance(access_token, AccessToken) else None
    if parts and parts.algorithm not in SHARED:
        parts = None
    quoted: bool | None = False
    if _quoted(written_secret.meant):
        quoted = True  # quotes within quotes
    elif written_secret.in_quotes:
        quoted = None
        if parts and signed_with(jwt_library, parts, written_secret.meant):
            quoted = False
        elif parts and signed_with(jwt_library, parts, written_secret.literal):
            quoted = True
    value = written_secret.literal if quoted else written_secret.meant
    algorithm = parts.algorithm if parts else shared[0]
    return JwtSecret(
        variable=name,
        source=source,
        present=True,
        empty=not value,
        blank=bool(value) and not value.strip(),
        in_quotes=written_secret.in_quotes,
        quoted=quoted,
        unresolved=bool(UNRESOLVED.search(value)),
        well_known=well_known(value),
        monotonous=monotonous(value),
        bytes=len(value.encode("utf-8", "surrogateescape")),
        needed_bytes=BYTES.get(algorithm, limits.secret_bytes),
        algorithm=algorithm,
        token=secrets.token(value) if value.strip() else "",
    )


def well_known(value: str) -> bool:
    """Whether it is a value that everybody copies; quotes, case and separators do not make it another."""
    plain = NEITHER.sub("", value[:LONGEST].lower())
    return plain in WELL_KNOWN or (value.strip().strip("'\"").startswith("<") and value.strip().endswith(">"))


def monotonous(value: str) -> bool:
    """Whether it is made of one or two signs, or of one short piece over and over."""
    if len(value) < 4:
        return False  # its length is its problem
    if len(set(value)) <= 2 and len(value) < 128:
        return True
    period = (value + value).find(value, 1)
    return period <= 10 and period * 2 <= len(value)


def _quoted(value: str) -> bool:
    return len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
