"""The process that stands by while a run looks, and speaks for it when its interpreter does not come back.

One match of a regular expression, or one call into C, can hold the interpreter's lock for ever: then neither the budget
nor a signal reaches Python. This process shares no lock with the run. It sleeps until the run has ended. When the heart
of the run stops, it starts pytest once more, which waits (takeover.py); when the run's time is up as well, that one
reports from the notes, and the run is ended.

Standard library only, and little of it: it starts with every run.
"""

import os
import select
import signal
import struct
import sys
import time

# deadline, last beat; beating thread, phase, signal to go, size of the notes, whether a hangup ends it, holder's thread
HEADER = struct.Struct("<ddqqqqqq")
NOTES = 4096  # where the notes begin
DEADLINE, BEAT, THREAD, PHASE, GO, SIZE, HANGUP, HOLDER = range(0, 64, 8)
LOOKING, TOLD = 0, 1
NOT_YET, AT_BUDGET, AT_SIGNAL = 0, 1, 2  # what GO says
GLANCE = 0.5  # seconds between two looks at the heart
LATE = 0.1  # seconds after its time is up that a run with a stopped heart is given
STILL = 0.5  # seconds without a beat, of twenty milliseconds each, that are no chance
STARVED = 3.0  # seconds without a beat, however busy this machine is
UNTOLD = 4.0  # seconds that the report from the notes may take


def main(pipe: int, notes: int, parent: int, command: list[str]) -> None:
    """pipe: gets a byte for each signal of the run, and its end; notes: the shared file; command: pytest once more."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are sent to the whole group; the run's end is ours
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    signalled = None
    second = 0  # the other pytest's process
    while True:
        deadline, beat, thread, phase, _, _, _, _ = header(notes)
        now = time.monotonic()
        due = min(deadline, signalled if signalled is not None else deadline) + LATE
        still = stopped(parent, thread, beat, STILL if phase == LOOKING else STARVED)
        if still and not second and deadline != float("inf"):
            second = begin(notes, command)
        elif second and not still:
            forget(second)
            second = 0
        if still and now >= due:
            take_over(pipe, notes, parent, second, AT_BUDGET if signalled is None else AT_SIGNAL)
            return
        left = 0.05 if now >= due else min(due - now, GLANCE)
        if waiting.poll(1000 * left):
            said = os.read(pipe, 100)
            if not said:
                if second:
                    forget(second)
                return
            signalled = signalled or time.monotonic()


def header(notes: int) -> tuple[float, float, int, int, int, int, int, int]:
    deadline, beat, thread, phase, go, size, hangup, holder = HEADER.unpack(os.pread(notes, HEADER.size, 0))
    return deadline, beat, thread, phase, go, size, hangup, holder


def write(notes: int, place: int, number: int) -> None:
    os.pwrite(notes, struct.pack("<q", number), place)


def stopped(parent: int, thread: int, beat: float, still: float) -> bool:
    """Whether the heart beats no more. One that is about to, and gets no processor for it, does."""
    silence = time.monotonic() - beat
    return silence > STARVED or (silence > still and state(parent, thread) != "R")


def state(parent: int, thread: int) -> str:
    try:
        with open(f"/proc/{parent}/task/{thread}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def busiest(parent: int, seconds: float = 0.06) -> int:
    """The run's thread that uses the processor: the one that holds the interpreter. 0: none does."""
    before = spent(parent)
    time.sleep(seconds)
    after = spent(parent)
    used = {thread: ticks - before.get(thread, ticks) for thread, ticks in after.items()}
    most = max(used, key=lambda thread: used[thread], default=0)
    return most if used.get(most) else 0


def spent(parent: int) -> dict[int, int]:
    ticks: dict[int, int] = {}
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/stat") as file:
                words = file.read().rpartition(")")[2].split()
            ticks[int(thread)] = int(words[11]) + int(words[12])
    except (OSError, ValueError, IndexError):
        pass
    return ticks


def begin(notes: int, command: list[str]) -> int:
    """The other pytest's process; 0: there can be none."""
    os.set_inheritable(notes, True)
    environment = {**os.environ, "ONCALL_TAKEOVER": str(notes)}
    try:
        return os.posix_spawn(
            command[0], command, environment, setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        )
    except OSError:
        return 0


def forget(second: int) -> None:
    os.kill(second, signal.SIGKILL)
    os.waitpid(second, 0)


def take_over(pipe: int, notes: int, parent: int, second: int, why: int) -> None:
    write(notes, HOLDER, busiest(parent))
    write(notes, PHASE, LOOKING)
    write(notes, GO, why)
    until = time.monotonic() + UNTOLD
    ended = 0
    while second and not ended and time.monotonic() < until and header(notes)[3] != TOLD:
        ended = os.waitpid(second, os.WNOHANG)[0]
        time.sleep(0.01)
    if header(notes)[3] != TOLD:
        if second and not ended:
            forget(second)
        say(notes)
        second = 0
    end(pipe, notes, parent)
    if second and not ended:
        os.waitpid(second, 0)


def end(pipe: int, notes: int, parent: int) -> None:
    """End the run with exit code 1 where it has prepared for that (watchdog.py), else as only the system can."""
    ended = select.poll()
    ended.register(pipe, select.POLLHUP)
    for number in (signal.SIGHUP, signal.SIGKILL) if header(notes)[6] else (signal.SIGKILL,):
        try:
            os.kill(parent, number)
        except OSError:
            return
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            if any(event & select.POLLHUP for _, event in ended.poll(50)):
                return


def say(notes: int) -> None:
    """What is known, in the plainest words, when not even a second pytest could tell it."""
    import json

    lines = ["", "PARTIAL: the run's Python interpreter does not come back, and this is what it knew:"]
    for line in os.pread(notes, header(notes)[5], NOTES).splitlines():
        try:
            verdict = json.loads(line).get("verdict")
        except ValueError:
            continue
        if verdict and verdict["outcome"] in ("failed", "unknown", "error"):
            words = f"{verdict['outcome'].upper()}  {verdict['check']}: {verdict['symptom'] or verdict['reason']}"
            lines.append("".join(sign if sign.isprintable() and sign.isascii() else "?" for sign in words[:500]))
    os.write(1, ("\n".join(lines) + "\n").encode())


def run() -> None:
    pipe, notes, parent = map(int, sys.argv[1:4])
    main(pipe, notes, parent, sys.argv[4:])
    os._exit(0)  # there is nothing to tidy up, and somebody may wait for it
