"""Signs that data is damaged: what the server has counted, and what its log says."""

import logging
import re
from datetime import UTC, datetime

from oncall.config import Stack
from oncall.facts.postgres import CorruptionLog, DamagedDatabase, LogLine, PageChecksums
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.host import Shell
from oncall.probes.postgres_session import Session
from oncall.probes.sql_text import masked
from oncall.probing import probe

log = logging.getLogger(__name__)

LAST_BYTES = 200 * 1024
SIGNATURES = re.compile(
    r"\bPANIC\b|invalid page in block|page verification failed|could not read blocks? \d|missing chunk number \d|"
    r"unexpected chunk number \d|could not access status of transaction|contains unexpected zero page|"
    r"contains corrupted page|invalid primary checkpoint record|could not locate a valid checkpoint record|"
    r"incorrect checksum in control file|compressed pglz data is corrupt|found xmin \d+ from before relfrozenxid|"
    r"could not open file \"?\\?\"?(?:base|global)/|\bXX00[12]\b"
)

# IFS= keeps blanks together; the wildcards of the unquoted patterns are all that is expanded.
TAILS = """IFS=; size=$1; shift
for pattern; do
  set -- $pattern
  ls -td -- "$@" | head -n 3 | while IFS= read -r file; do
    printf '\\001%s\\n' "$file"; tail -c "$size" -- "$file" | tr '\\001' ' '; echo
  done
done"""


@probe(deadline=4.5)
def page_checksums(database_session: Session) -> PageChecksums:
    """Checksum failures of all databases, and of what they share."""
    rows = database_session.rows(
        """SELECT coalesce(d.datname::text, 'shared objects') AS database, d.checksum_failures AS failures,
             extract(epoch FROM d.checksum_last_failure)::float8 AS last, current_setting('data_checksums') AS state
           FROM pg_stat_database d ORDER BY d.checksum_failures DESC NULLS LAST"""
    )
    if rows and rows[0]["state"] != "on":
        raise CouldNotCheck("page checksums are off, so damage cannot be seen: stop the server, pg_checksums --enable")
    return PageChecksums(
        databases_seen=len(rows),
        damaged=tuple(
            DamagedDatabase(database=row["database"], failures=row["failures"], last=_time(row["last"]))
            for row in rows
            if row["failures"]
        )[:20],
    )


def _time(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)


@probe(deadline=4.0)
def corruption_log(stack: Stack, host_shell: Shell) -> CorruptionLog:
    """Lines at the end of the server's log that speak of damage."""
    if stack.postgres.absent:
        raise NotPart("oncall.toml says that there is no database")
    patterns = stack.postgres.log_files
    if not patterns:
        raise NotPart("oncall.toml names no log files of the database (postgres.log_files)")
    ran = host_shell.script(TAILS, str(LAST_BYTES), *patterns, seconds=3.0)
    files: dict[str, list[str]] = {}
    for part in ran.stdout.split("\001")[1:]:
        file, _, text = part.partition("\n")
        files[file] = [line for line in text.splitlines() if line.strip()]
    if "ermission denied" in ran.stderr:
        raise CouldNotCheck(f"a log file of the database may not be read: {ran.complaint}")
    if not files:
        raise CouldNotCheck(f"no log file of the database matches {', '.join(patterns)}")
    found = [LogLine(file=file, text=line) for file, lines in files.items() for line in lines if telling(line)]
    log.info("%d lines of %d files read, %d speak of damage", sum(map(len, files.values())), len(files), len(found))
    return CorruptionLog(
        files=tuple(files),
        lines_read=sum(map(len, files.values())),
        count=len(found),
        lines=tuple(LogLine(file=line.file, text=masked(line.text, 200)) for line in found[:5]),
    )


def telling(line: str) -> bool:
    """Whether a log line speaks of damage; a full disk is not damage, and a quoted statement is not a message."""
    if "No space left on device" in line or re.search(r"\b(?:STATEMENT|QUERY):|\bLOG:\s+(?:statement|execute)", line):
        return False
    return bool(SIGNATURES.search(line))
