"""What /proc tells: numbers of the kernel's making, and names of commands that may hold anything."""

import os
from pathlib import Path

from oncall.runtimes import procfs

STAT = "4711 (api) worker (x) S 1 4711 4711 0 -1 4194560 9 8 7 6 150 50 25 25 20 0 3 0 {born} 1048576 256 99"
TAIL = " 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0"


def test_a_command_may_be_called_anything():
    """Brackets and blanks in a name are no fields; what is no such line is left out."""
    (one,) = procfs.processes(f"{STAT.format(born=1234)}{TAIL}\nno line\n9 (x) S\n").values()

    assert (one.pid, one.command, one.parent, one.born, one.cpu_seconds) == (4711, "api) worker (x", 1, 1234, 2.5)
    assert (one.address_space, one.resident) == (1048576, 256 * 4096)


def test_this_very_process_is_read_as_the_kernel_says_it():
    """The real file: number, parent, and that it lives."""
    (one,) = procfs.processes(Path("/proc/self/stat").read_text()).values()

    assert (one.pid, one.parent, one.lives, one.stopped) == (os.getpid(), os.getppid(), True, False)


def test_a_family_is_all_that_live_and_descend():
    """A zombie is no member, and a circle does not hang the look."""

    def process(pid, parent, state="S"):
        return procfs.Process(pid, "x", state, parent, 1, 0.0, 0, 0)

    known = {one.pid: one for one in (process(1, 1), process(2, 1), process(3, 2), process(4, 2, "Z"), process(5, 9))}

    assert sorted(one.pid for one in procfs.family(2, known)) == [2, 3]
    assert sorted(one.pid for one in procfs.family(1, known)) == [1, 2, 3]
    assert procfs.family(9, known) == ()


def test_listening_sockets_have_an_address_a_port_and_an_inode():
    """The words of an address stand the wrong way round; connections are no listeners."""
    text = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 98 1 0
   2: 0100007F:0BB9 0100007F:C0DE 01 00000000:00000000 00:00000000 00000000     0        0 97 1 0 100 0 0 10 0
   3: broken
"""

    assert [(one.address, one.port, one.inode) for one in procfs.listeners(text)] == [
        ("127.0.0.1", 3001, "99"),
        ("[::1]", 5432, "98"),
    ]


def test_limits_that_there_are():
    """An unlimited one is none; blanks stand in the names."""
    text = Path("/proc/self/limits").read_text()
    line = "Max address space         4294967296           unlimited            bytes     "

    assert procfs.soft_limits(line) == {"Max address space": 4294967296}
    assert "Max open files" in procfs.soft_limits(text)


def test_a_title_written_over_the_variables_leaves_none():
    """PostgreSQL does that; a value may be any bytes."""
    assert procfs.environment(b"postgres: io worker 0\0\0\0") == {}
    assert procfs.environment(b"A=1\0B.C=x=y\0=z\0D=\xff") == {"A": "1", "B.C": "x=y", "D": "\udcff"}


def test_allowed_cpus_are_counted():
    """Ranges and single ones."""
    assert procfs.allowed_cpus("Name:\tx\nCpus_allowed_list:\t0-3,8\n") == 5
    assert procfs.allowed_cpus("Cpus_allowed_list:\tall\n") == 0
