"""Debian's monitoring-plugins, for the P1 claims that they have: one after another, and all at once.

apt-get install monitoring-plugins-basic monitoring-plugins-standard
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.measure import Candidate, row, together

FOLDER = Path("/usr/lib/nagios/plugins")
SECONDS = "10"  # their own default


def installed():
    return all((FOLDER / name).exists() for name in ("check_http", "check_pgsql"))


def commands(stack):
    """The command lines and what they need in their environment."""
    ports, at = stack.ports, ("-H", "127.0.0.1")
    account = urlsplit(stack.address("oncall"))
    page = (stack.home.page / "assets").iterdir()
    assets = [f"/assets/{file.name}" for file in page if file.suffix in (".js", ".css")]
    backups = max(stack.home.backups.glob("*.dump"), key=lambda file: file.stat().st_mtime, default=None)
    lines = [
        ("check_http", *at, "-p", ports["backend"], "-u", "/health", "-e", "200", "-s", "database", "-w", "2"),
        ("check_http", *at, "-p", ports["frontend"], "-u", "/", "-e", "200", "-s", "<title>", "-w", "2"),
        *(("check_http", *at, "-p", ports["frontend"], "-u", asset, "-e", "200") for asset in assets),
        ("check_tcp", *at, "-p", ports["postgres"]),
        ("check_pgsql", *at, "-P", ports["postgres"], "-d", "motel", "-l", account.username, "-w", "1", "-c", "2"),
        ("check_pgsql", *at, "-P", ports["postgres"], "-d", "motel", "-l", account.username, "-q", FREE, "-C", "3:"),
        ("check_disk", "-w", "10%", "-c", "5%", "-p", stack.home.path),
        ("check_disk", "-W", "10%", "-K", "5%", "-p", stack.home.path),
        ("check_swap", "-w", "20%", "-c", "10%", "-n", "ok"),
        ("check_load", "-r", "-w", "50,50,50", "-c", "90,90,90"),
        ("check_procs", "-C", "dockerd", "-c", "1:"),
        *([("check_file_age", "-w", "90000", "-c", "180000", "-f", backups)] if backups else []),
    ]
    untimed = ("check_disk", "check_swap", "check_load", "check_file_age")
    finished = [[str(FOLDER / name), *map(str, rest)] for name, *rest in lines]
    return [words if Path(words[0]).name in untimed else [*words, "-t", SECONDS] for words in finished], {
        "PGPASSWORD": unquote(account.password)
    }


FREE = "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity"


def candidates(stack, most, expected=None):
    """The two ways."""
    lines, environment = commands(stack)
    for way, run in (("one after another", row), ("all at once", together)):

        def start(run=run):
            return run(lines, most, **environment)

        yield Candidate(f"monitoring-plugins ({len(lines)}), {way}", start=start, expected=expected)
