"""Signs that data is damaged: what the server has counted, and what its log says."""

import logging
from datetime import datetime

from msgspec import Struct

from oncall.facts.postgres import CorruptionLog, DamagedDatabase, LogLine, PageChecksums
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.gate.sql_text import error_text
from oncall.probes.host.machine import Shell
from oncall.probes.logs.containers import LogReader
from oncall.probes.postgres.session import Session
from oncall.probing.register import probe
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

LAST_BYTES = 200 * 1024
LONGEST_LINE = 2000
SIGNATURES = Pattern(
    r"(?:^|[\s\]])PANIC: |,PANIC,|\"error_severity\":\"PANIC\"|invalid page in block|page verification failed|"
    r"could not read blocks? \d|missing chunk number \d|"
    r"unexpected chunk number \d|could not access status of transaction|contains unexpected zero page|"
    r"contains corrupted page|invalid primary checkpoint record|could not locate a valid checkpoint record|"
    r"incorrect checksum in control file|compressed pglz data is corrupt|found xmin \d+ from before relfrozenxid|"
    r"could not open file \"?\\?\"?(?:base|global)/|\bXX00[12]\b"
)
NO_DAMAGE = Pattern(r"No space left on device|Permission denied|Read-only file system|Disk quota exceeded")

LEVEL = Pattern(r"\b([A-Z]{3,9}): +")  # the first one of a line is the server's own
QUOTED = Pattern(r"statement|execute")
QUOTING = ("DETAIL", "HINT", "STATEMENT", "QUERY", "CONTEXT")  # these lines repeat what users wrote
WRITTEN = Pattern(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})?) (?:UTC|GMT)\b")

# IFS= keeps blanks together; the wildcards of the unquoted patterns are all that is expanded.
TAILS = """IFS=; size=$1; shift
for pattern; do
  set -- $pattern
  ls -td -- "$@" | head -n 3 | while IFS= read -r file; do
    printf '\\001%s\\n' "$file"; tail -c "$size" -- "$file" | tr '\\001' ' '; echo
  done
done"""


class Checksums(Struct, frozen=True):
    """A row of the query below."""

    database: str
    failures: int | None
    last: datetime | None
    state: str


@probe(of="postgres", deadline=4.5)
def page_checksums(database_session: Session) -> PageChecksums:
    """Checksum failures of all databases, and of what they share."""
    rows = database_session.rows(
        Checksums,
        """SELECT coalesce(d.datname::text, 'shared objects') AS database, d.checksum_failures AS failures,
             extract(epoch FROM d.checksum_last_failure)::float8 AS last, current_setting('data_checksums') AS state
           FROM pg_stat_database d ORDER BY d.checksum_failures DESC NULLS LAST""",
    )
    if rows and rows[0].state != "on":
        raise CouldNotCheck("page checksums are off, so damage cannot be seen: stop the server, pg_checksums --enable")
    return PageChecksums(
        databases_seen=len(rows),
        damaged=tuple(
            DamagedDatabase(database=row.database, failures=row.failures, last=row.last) for row in rows if row.failures
        )[:20],
    )


@probe(of="postgres", deadline=4.0, optional=("host_shell", "log_reader"))
def corruption_log(
    stack: Stack, host_shell: Shell | CouldNotCheck | NotPart, log_reader: LogReader | CouldNotCheck | NotPart
) -> CorruptionLog:
    """Lines at the end of the server's log, of its files and of its containers, that speak of damage."""
    if stack.postgres.absent:
        raise Declared("says that there is no database")
    files: dict[str, list[str]] = {}
    missing: list[CouldNotCheck] = []
    try:
        files |= _of_containers(log_reader, stack)
    except CouldNotCheck as error:
        missing.append(error)
    if stack.postgres.log_files:
        try:
            files |= _of_files(stack.postgres.log_files, host_shell)
        except CouldNotCheck as error:
            missing.append(error)
    if not files and not missing:
        raise Declared(
            f"names no log files of the database ({stack.key('postgres.log_files')}), and there is no Docker"
        )
    found = [LogLine(file=file, text=line) for file, lines in files.items() for line in lines if telling(line)]
    if missing and not found:  # half of the logs are no evidence that all is well
        raise missing[0]
    times = [at for line in found if (at := written(line.text))]
    log.info("%d lines of %d logs read, %d speak of damage", sum(map(len, files.values())), len(files), len(found))
    return CorruptionLog(
        files=tuple(files),
        lines_read=sum(map(len, files.values())),
        count=len(found),
        lines=tuple(LogLine(file=line.file, text=error_text(line.text, 200)) for line in found[:5]),
        first=min(times, default=None),
        last=max(times, default=None),
    )


def _of_containers(reader: LogReader | CouldNotCheck | NotPart, stack: Stack) -> dict[str, list[str]]:
    """The newest lines of the database's containers; nothing where there is no Docker, or log files in its place."""
    if isinstance(reader, NotPart):
        return {}
    if isinstance(reader, CouldNotCheck):
        raise reader
    if stack.postgres.log_files and not reader.project.of(stack.postgres.found_by):
        return {}
    containers, written = reader.containers(stack.named("postgres")), reader.of(stack.named("postgres"))
    return {
        f"log of {one.name}": [line.words for line in log.lines] for one, log in zip(containers, written, strict=True)
    }


def _of_files(patterns: tuple[str, ...], shell: Shell | CouldNotCheck | NotPart) -> dict[str, list[str]]:
    """The ends of the newest log files; raises CouldNotCheck when none can be read."""
    if isinstance(shell, NotPart):
        return {}
    if isinstance(shell, CouldNotCheck):
        raise shell
    ran = shell.script(TAILS, str(LAST_BYTES), *patterns, seconds=3.0)
    files: dict[str, list[str]] = {}
    for part in ran.stdout.split("\001")[1:]:
        file, _, text = part.partition("\n")
        files[file] = [line[:LONGEST_LINE] for line in text.splitlines() if line.strip()]
    if "ermission denied" in ran.stderr:
        raise CouldNotCheck(f"a log file of the database may not be read: {ran.complaint}")
    if not files:
        raise CouldNotCheck(f"no log file of the database matches {', '.join(patterns)}")
    return files


def written(line: str) -> datetime | None:
    """The time before a line, where log_line_prefix puts one there and its zone is UTC."""
    found = WRITTEN.match(line)
    try:
        return datetime.fromisoformat(f"{found[1]}+00:00") if found else None
    except ValueError:  # the 31st of June
        return None


def telling(line: str) -> bool:
    """Whether a log line speaks of damage: a full disk or a file denied is none; what a user wrote is no message."""
    line = line[:LONGEST_LINE]
    if not SIGNATURES.search(line) or NO_DAMAGE.search(line):
        return False
    level = LEVEL.search(line)
    return not (level and (level[1] in QUOTING or QUOTED.match(line[level.end() :])))
