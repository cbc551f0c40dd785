"""The newest backup: how old it is, and whether the tool that would restore it can read it."""

import logging
import shlex

from msgspec import Struct

from oncall.facts.host import NewestBackup
from oncall.finding import CouldNotCheck, Declared
from oncall.gate.patterns import Pattern
from oncall.probes.host.machine import Ran, Shell
from oncall.probing.register import probe
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

READ_SECONDS = 4.0
WHOLE_BYTES = 50 * 2**20  # an archive larger than this has only its table of contents read
BEING_WRITTEN_SECONDS = 60
LONGEST = 4000  # characters of a tool's complaint that are looked at
WILDCARD = Pattern(r"[*?\[]")
CANNOT_TELL = Pattern(
    r"(?i)unsupported version|permission denied|cannot be run|not installed|no such program|input/output error"
)

# IFS= keeps blanks in a pattern together: all that happens to the unquoted $1 is that its wildcards are expanded.
FIND = """date +%s
ls -d -- "$2" >/dev/null && ls -- "$2" >/dev/null
IFS=; set -- $1
stat -c '%Y %s %F|%n' -- "$@" 2>/dev/null | sort -rn | { IFS= read -r first; printf '%s\\n' "$first"; wc -l; }"""


class Reader(Struct, frozen=True):
    """How a kind of backup is read: an sh script with the file as $1. whole: reads all of it, which may take long."""

    name: str
    script: str
    whole: str = ""


SQL_END = (
    """tail -c 4096 -- "$1" | grep -q 'dump complete' || { echo "its end does not say 'dump complete'" >&2; false; }"""
)
PG_RESTORE = Reader("pg_restore", 'pg_restore --list -- "$1" >/dev/null', 'pg_restore --file=/dev/null -- "$1"')
READERS = {
    ".dump": PG_RESTORE,
    ".backup": PG_RESTORE,
    ".custom": PG_RESTORE,
    ".pgdump": PG_RESTORE,
    ".tar": Reader("tar", 'tar -tf "$1" >/dev/null'),
    ".tgz": Reader("gzip", 'gzip -t -- "$1"'),
    ".gz": Reader("gzip", 'gzip -t -- "$1"'),
    ".xz": Reader("xz", 'xz -t -- "$1"'),
    ".zst": Reader("zstd", 'zstd -q -t -- "$1"'),
    ".bz2": Reader("bzip2", 'bzip2 -t -- "$1"'),
    ".zip": Reader("unzip", 'unzip -tqq "$1"'),
    ".sql": Reader("tail", SQL_END),
}


@probe(deadline=6.5)
def newest_backup(stack: Stack, host_shell: Shell) -> NewestBackup:
    """The newest file that matches the backup pattern."""
    pattern = stack.host.backup_file
    if not pattern:
        raise Declared("names no backups on this host (host.backup_file)")
    ran = host_shell.script(FIND, pattern, _folder(pattern), seconds=1.5)
    if "Permission denied" in ran.stderr:
        raise CouldNotCheck(f"the folder of {pattern} may not be listed: permission denied")
    lines = ran.stdout.splitlines()
    if not lines or not lines[0].isdigit():
        raise CouldNotCheck(f"the backups could not be listed: {ran.complaint}")
    if len(lines) < 3 or "|" not in lines[1]:
        log.info("no file matches %s", pattern)
        return NewestBackup(pattern=pattern, matches=0)
    about, _, path = lines[1].partition("|")
    written, size, kind = about.split(" ", 2)
    age = max(0.0, float(lines[0]) - float(written))
    reader, reading, said = _read(host_shell, stack.host.backup_reader, path, int(size), kind == "directory")
    if reading == "broken" and age < BEING_WRITTEN_SECONDS:
        reading, said = "unknown", f"{path} was written {age:.0f} s ago and may not be complete yet: {said}"
    log.info("%s is %.0f s old, %s bytes, %s by %s", path, age, size, reading, reader)
    return NewestBackup(
        pattern=pattern,
        matches=int(lines[2]) + 1,
        path=path,
        age_seconds=age,
        size_bytes=int(size),
        reader=reader,
        reading=reading,  # type: ignore[arg-type]
        reader_said=said,
    )


def _folder(pattern: str) -> str:
    """The part of a pattern before its first wildcard, up to the last slash."""
    return WILDCARD.split(pattern)[0].rpartition("/")[0] or ("/" if pattern.startswith("/") else ".")


def _read(shell: Shell, command: str, path: str, size: int, folder: bool) -> tuple[str, str, str]:
    """The reader's name, "read", "broken" or "unknown", and why."""
    if not size:
        return "size", "broken", "the file is empty"
    if command:
        script = command.replace("{file}", shlex.quote(path))
        reader = Reader(_name(command), script)
    elif folder:
        reader = PG_RESTORE
    else:
        ending = "." + path.rpartition(".")[2].lower()
        if ending not in READERS:
            return "", "unknown", f"no reader is known for {path}: set host.backup_reader"
        reader = READERS[ending]
    try:
        ran = shell.script(reader.script, path, seconds=READ_SECONDS / 2 if reader.whole else READ_SECONDS)
    except CouldNotCheck as error:
        return reader.name, "unknown", f"{error}: set host.backup_reader to a quicker command"
    result = _judged(reader, ran, path)
    if result[1] == "read" and reader.whole and size <= WHOLE_BYTES and not folder:
        try:
            return _judged(reader, shell.script(reader.whole, path, seconds=READ_SECONDS / 2), path)
        except CouldNotCheck:
            log.info("reading all of %s took too long: only its table of contents was read", path)
    return result


def _name(command: str) -> str:
    """The tool's name without its folder."""
    try:
        return shlex.split(command)[0].rpartition("/")[2]
    except (ValueError, IndexError):  # an open quote, or nothing but blanks: sh will say so
        return "host.backup_reader"


def _judged(reader: Reader, ran: Ran, path: str) -> tuple[str, str, str]:
    if ran.rc == 0:
        return reader.name, "read", ""
    if "not found" in ran.stderr or ran.rc in (126, 127):
        return reader.name, "unknown", f"the tool {reader.name} is missing on the host: set host.backup_reader"
    if CANNOT_TELL.search(ran.stderr[:LONGEST]):
        return reader.name, "unknown", f"{reader.name} could not tell about {path}: {ran.complaint}"
    return reader.name, "broken", ran.complaint
