"""What can come of a check, and how far its look got.

looked, healthy             passed
looked, sick                FAILED     assert ..., finding(...)
could not look              UNKNOWN    CouldNotCheck, raised by a probe or by a fact
no such part, declared      skipped    NotPart, raised by a probe
anything else               ERROR      a bug in the suite: an assertion without a finding, any other exception

Layers, from the ground up. A lower one that fails can be why a higher one fails, never the other way round:

exists      there is no such container, name, network, volume
runs        it does not run, or comes and goes
reachable   nothing listens, no way leads there
answers     it accepts, and then says nothing
correct     it answers, and wrongly
fast        it answers late, or is near a limit
config      a standing setting is wrong, whether anything runs or not: it has no lower layer
log_evidence  a log line or a counter tells of something that happened: it has no lower layer either

Manners, what the part does that fails:

absent, exits, refused          it is not there, it ends, nobody listens
silent, late                    no word comes, or one too late: proves nothing while this machine is overloaded
error answer, wrong answer      it answers that it cannot, or with something wrong
config, log evidence            a standing setting is wrong; a log line or a counter tells of it

Speakers, whose words a finding quotes, the most telling first:

server          the part's own definite answer: an SQLSTATE with its message, an error of the engine
last words      what a part wrote before it ended
log line        a line in its own log
sub-check       an error that a health body carries, often the server's own words
peer            what another part says of it
"""

from collections.abc import Callable, Collection, Mapping
from typing import Literal, get_args

from msgspec import Struct, field

Value = str | int | float | bool | None
Layer = Literal["exists", "runs", "reachable", "answers", "correct", "fast", "config", "log_evidence"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
Manner = Literal[
    "absent", "exits", "refused", "silent", "late", "error answer", "wrong answer", "config", "log evidence"
]
MANNERS: tuple[Manner, ...] = get_args(Manner)
Speaker = Literal["", "server", "last words", "log line", "sub-check", "peer"]
SPEAKERS: tuple[Speaker, ...] = get_args(Speaker)
TIMED: tuple[Manner, ...] = ("silent", "late")  # claims about time, which an overloaded machine cannot make


class CouldNotCheck(Exception):
    """The look could not be made, or its answer proves nothing; the message says why and what to set.

    blames: the component that stood in the way, when it is one of the stack's.
    manner: "silent" or "late" when it was the time that did not suffice.
    root: the fact that stood in the way, by its probe's name, with the check's parameter where it has one
        ("service_containers.running[backend]"): whoever judges that fact is where to read on.
    setting: the key of the target file to set ("postgres.password_variable").
    """

    def __init__(
        self,
        reason: str = "",
        *,
        blames: str | None = None,
        manner: Manner | None = None,
        root: str = "",
        setting: str = "",
    ):
        super().__init__(reason)
        self.blames, self.manner, self.root, self.setting = blames, manner, root, setting


class NotPart(Exception):
    """This stack has no such part."""


class Declared(NotPart):
    """The target file says that it has none. The words begin with what it says ("says that there is no database"):
    whoever hands them on puts the name of the file that was read before them."""


class ProbeCrashed(Exception):
    """A probe ended with an exception that it should have turned into a fact: a bug in the suite."""


class Finding(Struct, frozen=True):
    """A failed check's message as data.

    symptom: what is wrong, one line, never the fix.
    evidence: the few values that decided.
    component: the part that shows the symptom. role: what the check called it ("backend"), where that is a role.
    blames: the part that the evidence itself accuses, when it is another one.
    layer: how far the look got.
    manner: what the part does that fails; None: not said.
    corroboration: the second trace that proves it ("State.OOMKilled and the kernel log"), where there is one.
    ambiguity: what would look just the same, where something would.
    root: the fact that tells the same story nearer to its cause, as in CouldNotCheck: its check, if it fails as well.
    statement: the words that it quotes ("FATAL: role app is not permitted to log in"), masked; speaker: whose they are.
    address: the host:port that was asked, where one was.
    outage: nothing works for users any more: its cause is a P1, whatever the check is.
    """

    symptom: str
    component: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    blames: str | None = None
    layer: Layer = "correct"
    corroboration: str = ""
    ambiguity: str = ""
    root: str = ""
    manner: Manner | None = None
    role: str = ""
    statement: str = ""
    speaker: Speaker = ""
    address: str = ""
    outage: bool = False


class Message(str):
    """A finding as pytest wants it after an assert: text."""

    __slots__ = ()

    def __new__(cls, finding: Finding) -> "Message":
        seen = {name: value for name, value in finding.evidence.items() if value not in (None, "")}
        evidence = ", ".join(f"{name}={value}" for name, value in seen.items())
        return super().__new__(cls, f"{finding.symptom} ({evidence})" if evidence else finding.symptom)


class Recorder:
    """What a check calls as `finding(...)`.

    keep: takes the finding as data; an answer that is empty is left out of its evidence, for it proves nothing.
    components: the names that a finding may use; any other raises ValueError.
    name: the component that a role stands for in this check ("backend"); of any other word the word itself. Checks use
        it where a sentence names the part.
    at_run_time: further names, of parts that only the run finds out; asked for a name that is none of the components.
    """

    def __init__(
        self,
        keep: Callable[[Finding], None],
        components: tuple[str, ...],
        name: Callable[[str], str] = str,
        at_run_time: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.name = name
        self._keep, self._components, self._at_run_time = keep, components, at_run_time

    def __call__(
        self,
        symptom: str,
        *,
        component: str,
        layer: Layer = "correct",
        evidence: Mapping[str, Value] | None = None,
        blames: str | None = None,
        corroboration: str = "",
        ambiguity: str = "",
        root: str = "",
        manner: Manner | None = None,
        statement: str = "",
        speaker: Speaker = "",
        address: str = "",
        outage: bool = False,
    ) -> Message:
        role, component = component, self.name(component)
        blames = self.name(blames) if blames else blames
        for name in (component, blames):
            if name is not None and name not in self._components and name not in self._at_run_time():
                raise ValueError(f"{name!r} is not a component; these are: {', '.join(self._components)}")
        if layer not in LAYERS:
            raise ValueError(f"{layer!r} is not a layer; these are: {', '.join(LAYERS)}")
        if manner is not None and manner not in MANNERS:
            raise ValueError(f"{manner!r} is not a manner; these are: {', '.join(MANNERS)}")
        if speaker not in SPEAKERS or (statement and not speaker):
            raise ValueError(f"a statement needs a speaker; these are: {', '.join(SPEAKERS[1:])}")
        accused = blames if blames != component else None
        told = {name: value for name, value in (evidence or {}).items() if value is not None and value != ""}
        found = Finding(
            symptom,
            component,
            evidence=told,
            blames=accused,
            layer=layer,
            corroboration=corroboration,
            ambiguity=ambiguity,
            root=root,
            manner=manner,
            role=role,
            statement=statement,
            speaker=speaker if statement else "",
            address=address,
            outage=outage,
        )
        self._keep(found)
        return Message(found)
