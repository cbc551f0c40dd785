"""The host as it is, on its own filesystems, files and tools."""

import os
import shutil
import subprocess
import time

import pytest

from oncall.facts.host import Filesystem, Filesystems
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.host.machine import Shell
from oncall.target.schema import Docker, Host, Postgres, Stack
from tests.probes.asking import ask, door, why_unknown
from tests.probes.postgres_server import as_nobody, install, postgres

NO_DOCKER = Docker(absent=True)

LOG = """2026-01-02 03:04:05 UTC [1] LOG:  database system is ready to accept connections
2026-01-02 03:04:06 UTC [9] ERROR:  invalid page in block 7 of relation base/5/16384
2026-01-02 03:04:06 UTC [9] STATEMENT:  SELECT 'invalid page in block 8'
"""


def host(**more):
    return Stack(host=Host(**more))


@pytest.fixture
def folder(tmp_path):
    """A folder with a blank and a quote in its name."""
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    return folder


def backup(folder, name, content, age_hours=1.0):
    path = folder / name
    path.write_bytes(content)
    written = time.time() - age_hours * 3600
    os.utime(path, (written, written))
    return path


def test_a_filesystem_named_twice_is_one(folder):
    """Docker's root and the data volume are often one disk; a blank or quote in a path does not matter."""
    fact = ask("filesystems", host(filesystems=("/", str(folder), "/proc")))

    mounts = [one.mount for one in fact.filesystems]
    assert len(mounts) == len(set(mounts))
    assert any("/" in one.paths for one in fact.filesystems)
    usage = shutil.disk_usage("/")
    (root,) = [one for one in fact.filesystems if one.mount == "/"]
    assert abs(root.size_kib * 1024 - usage.total) < 1024 * 1024
    assert abs(root.used_percent - 100 * usage.used / (usage.used + usage.free)) < 1


def test_a_path_that_is_not_there_is_unknown():
    """A typo in the target must not pass as a filesystem with room."""
    assert "/no/such/place is not there" in why_unknown("filesystems", host(filesystems=("/no/such/place",)))


def test_a_small_filesystem_fills_up(tmp_path):
    """A real filesystem that is nearly full of bytes or of inodes is found (needs the right to mount)."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=20", "tmpfs", mount], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"cannot mount here: {made.stderr.strip()}")
    try:
        healthy = ask("filesystems", host(filesystems=(str(mount),)))
        (mount / "big").write_bytes(b"x" * 1000 * 1024)
        for number in range(17):
            (mount / str(number)).touch()
        full = ask("filesystems", host(filesystems=(str(mount), "/")))
    finally:
        subprocess.run(["umount", mount], check=True)

    assert not healthy.short_of_space(90)
    assert not healthy.short_of_inodes(90)
    assert [one.mount for one in full.short_of_space(90)] == [str(mount)]
    assert [one.mount for one in full.short_of_inodes(90)] == [str(mount)]


def test_filesystems_without_inodes_are_not_judged_by_them():
    """btrfs counts no inodes: one such filesystem is left out, and nothing but such is unknown."""
    plain = {"device": "d", "kind": "btrfs", "paths": ("/",), "size_kib": 9, "free_kib": 9, "used_percent": 1.0}
    without = Filesystem(mount="/b", **plain)
    counted = Filesystem(mount="/c", inodes_used_percent=95.0, inodes_free=1, **plain)

    assert Filesystems(filesystems=(without, counted)).short_of_inodes(90) == (counted,)
    with pytest.raises(CouldNotCheck, match="counts inodes"):
        Filesystems(filesystems=(without,)).short_of_inodes(90)


def test_memory_is_what_the_kernel_says():
    """The numbers are those of /proc/meminfo, and no swap at all is none used."""
    fact = ask("memory", host())

    assert 0 < fact.available_kib <= fact.total_kib
    assert 0 <= fact.swap_used_percent <= 100


def test_an_absent_host_is_not_looked_at():
    """What the target says is not there is skipped."""
    for name in ("filesystems", "memory", "newest_backup", "corruption_log"):
        with pytest.raises(NotPart):
            ask(name, Stack(host=Host(absent=True), docker=NO_DOCKER, postgres=Postgres(log_files=("/x",))))


def test_a_host_that_ssh_does_not_reach_is_unknown():
    """No ssh, no key, no such host: the reason stands in place of every fact of the host."""
    reason = why_unknown("memory", host(at="ssh://nobody@127.0.0.1:1"))

    assert "ssh" in reason


def test_a_command_that_hangs_is_ended():
    """Nothing waits for ever, and the command does not go on alone."""
    with door(host()) as answer:
        shell: Shell = answer("host_shell")
        began = time.monotonic()
        with pytest.raises(CouldNotCheck, match=r"sh did not end within 0\.2 s"):
            shell.script("sleep 5 | cat", seconds=0.2)
        assert time.monotonic() - began < 4.5
        with pytest.raises(CouldNotCheck, match="the tool nosuchtool cannot be run"):
            shell.run("nosuchtool", "-x")
        assert shell.run("echo", "$(id) 100% 'a'").stdout == "$(id) 100% 'a'\n"


# Backups


def test_no_pattern_is_no_backups_here():
    """An empty pattern is a statement, not an omission."""
    with pytest.raises(NotPart):
        ask("newest_backup", host())


def test_no_match_is_a_fact(folder):
    """A folder without backups, or no folder at all: there is no backup."""
    for pattern in (f"{folder}/*.dump", f"{folder}/none/*.dump"):
        fact = ask("newest_backup", host(backup_file=pattern))

        assert fact.matches == 0
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("newest_backup")):
            _ = fact.readable


@pytest.mark.skipif(not as_nobody(), reason="needs root to become somebody else")
def test_a_folder_that_may_not_be_listed_is_unknown(tmp_path):
    """No match for want of permission is not the same as no backup."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    pid = os.fork()
    if not pid:
        os.setgid(65534)
        os.setuid(65534)
        reason = why_unknown("newest_backup", host(backup_file=f"{folder}/*.dump"))
        os._exit(0 if "permission denied" in reason else 1)

    assert os.waitpid(pid, 0)[1] == 0


def test_the_newest_of_several_counts(folder):
    """By time of writing, not by name; blanks and quotes in names do not matter."""
    backup(folder, "z.sql", b"-- PostgreSQL database dump complete\n", 30)
    newest = backup(folder, "a $(touch x) 'b'.sql", b"-- PostgreSQL database dump complete\n", 3)
    backup(folder, "other.txt", b"x", 0)
    fact = ask("newest_backup", host(backup_file=f"{folder}/*.sql"))

    assert (fact.path, fact.matches, fact.readable) == (str(newest), 2, True)
    assert 2.9 < fact.age_hours < 3.1
    assert not (folder / "x").exists()


def made(command, folder):
    subprocess.run(command, shell=True, check=True, cwd=folder, capture_output=True)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("b.gz", "seq 9999 | gzip > b.gz"),
        ("b.xz", "seq 9999 | xz > b.xz"),
        ("b.zst", "seq 9999 | zstd > b.zst"),
        ("b.tar", "seq 9999 > f; tar -cf b.tar f"),
        ("b.sql", "(seq 9999; echo '-- PostgreSQL database dump complete') > b.sql"),
    ],
)
def test_each_kind_is_read_by_its_own_tool(folder, name, command):
    """Whole it is read, cut in half it is broken, empty it is broken, and without its tool it is unknown."""
    if not shutil.which({"b.zst": "zstd", "b.xz": "xz"}.get(name, "tar")):
        pytest.skip("no such tool here")
    made(command, folder)
    content = (folder / name).read_bytes()
    stack = host(backup_file=f"{folder}/b.*")
    backup(folder, name, content)
    whole = ask("newest_backup", stack)
    backup(folder, name, content[: len(content) // 2])
    cut = ask("newest_backup", stack)
    backup(folder, name, b"")
    empty = ask("newest_backup", stack)

    assert whole.readable
    assert not cut.readable
    assert cut.reader_said
    assert not empty.readable
    assert empty.reader_said == "the file is empty"


def test_a_dump_of_a_real_database(folder, monkeypatch):
    """pg_restore reads what pg_dump wrote; a dump cut off in the middle of its data is broken."""
    monkeypatch.setenv("PATH", f"{install() / 'bin'}:{os.environ['PATH']}")
    with postgres() as server:
        server.run("CREATE TABLE many AS SELECT md5(n::text) AS x FROM generate_series(1, 5000) n")
        at = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "motel"]
        for kind in (["-Fc", "-f", "b.dump"], ["-Fd", "-f", "folder.d"]):
            subprocess.run(["pg_dump", *kind, *at], cwd=folder, check=True)
    content = (folder / "b.dump").read_bytes()
    stack = host(backup_file=f"{folder}/*.dump")
    backup(folder, "b.dump", content)
    whole = ask("newest_backup", stack)
    backup(folder, "b.dump", content[: len(content) // 2])
    cut = ask("newest_backup", stack)
    backup(folder, "b.dump", b"not a dump")
    garbage = ask("newest_backup", stack)

    assert (whole.readable, cut.readable, garbage.readable) == (True, False, False)
    assert ask("newest_backup", host(backup_file=f"{folder}/*.d")).readable


def test_what_cannot_be_read_for_want_of_a_tool_is_unknown(folder):
    """An unknown ending, a missing tool: unknown, with the key to set."""
    backup(folder, "b.odd", b"content")
    for reader in ("", "nosuchtool {file}"):
        fact = ask("newest_backup", host(backup_file=f"{folder}/b.odd", backup_reader=reader))
        with pytest.raises(CouldNotCheck, match=r"host\.backup_reader"):
            _ = fact.readable


def test_a_reader_of_one_s_own(folder):
    """The command gets the path quoted, and its exit code decides."""
    backup(folder, "b $(id).odd", b"content")
    stack = dict(backup_file=f"{folder}/*.odd")

    assert ask("newest_backup", host(**stack, backup_reader="grep -q content {file}")).readable
    assert not ask("newest_backup", host(**stack, backup_reader="grep -q nothing {file}")).readable


def test_a_backup_that_is_being_written_is_not_called_broken(folder):
    """A nightly report may run while the nightly backup does."""
    backup(folder, "b.gz", b"\x1f\x8b\x08\x00half", 0)
    fact = ask("newest_backup", host(backup_file=f"{folder}/*.gz"))

    with pytest.raises(CouldNotCheck, match="may not be complete yet"):
        _ = fact.readable


# The database's log


def test_damage_in_the_log_is_found(folder):
    """Signs of damage count, the statement that met them does not."""
    (folder / "postgresql.log").write_text(LOG)
    fact = ask("corruption_log", Stack(docker=NO_DOCKER, postgres=Postgres(log_files=(f"{folder}/*.log",))))

    assert (fact.count, fact.lines_read, len(fact.files)) == (1, 3, 1)
    assert "invalid page in block" in fact.lines[0].text


def test_a_healthy_log_is_evidence_and_an_empty_one_is_not(folder):
    """Nothing found in nothing is no good news."""
    stack = Stack(docker=NO_DOCKER, postgres=Postgres(log_files=(f"{folder}/*.log",)))
    assert "matches" in why_unknown("corruption_log", stack)
    (folder / "a.log").write_text("")
    assert "empty" in why_unknown("corruption_log", stack)
    (folder / "a.log").write_text(LOG.splitlines()[0])

    assert ask("corruption_log", stack).lines == ()


def test_only_the_newest_logs_and_their_ends_are_read(folder):
    """A log of gigabytes costs no more than its last 200 KiB."""
    for number in range(5):
        path = folder / f"{number}.log"
        path.write_text(LOG.splitlines()[1] + "\n" + "LOG:  fine\n" * 30000)
        os.utime(path, (number, number))
    fact = ask("corruption_log", Stack(docker=NO_DOCKER, postgres=Postgres(log_files=(f"{folder}/*.log",))))

    assert [file[-5:] for file in fact.files] == ["4.log", "3.log", "2.log"]
    assert fact.count == 0
