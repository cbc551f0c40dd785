"""What the kernel's tables say of who listens, and of open files."""

import os

import pytest

from oncall.finding import CouldNotCheck
from oncall.runtimes.host_files import Here
from oncall.runtimes.open_files import open_files, told_open
from oncall.runtimes.procfs import processes
from oncall.runtimes.sockets import told_inside

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   0: {} 00000000:0000 0A 00000000:{:08X} 00:00000000 00000000     0        0 4711 1\n"


def test_a_command_line_and_the_tables_behind_it():
    """As `cat` prints them: loopback, all addresses, and how many connections nobody has accepted."""
    text = "postgres\0-c\0x=1\0" + HEAD + ROW.format("0100007F:1538", 0) + HEAD + ROW.format("0" * 32 + ":0BB9", 3)
    inside = told_inside(text)

    assert inside.command == "postgres -c x=1"
    assert [(one.address, one.port, one.waiting) for one in inside.listeners] == [
        ("127.0.0.1", 5432, 0),
        ("[::]", 3001, 3),
    ]


def test_without_a_table_nobody_knows():
    """`cat` is not there, or /proc is hidden."""
    with pytest.raises(CouldNotCheck):
        told_inside("exec: cat: not found")


def test_open_files_of_this_process():
    """As many as it has, and its soft limit."""
    table = processes(Here().processes())
    (one,) = open_files(Here(), [table[os.getpid()]], 2.0)

    assert one.count >= 3
    assert one.limit > 0


def test_open_files_as_a_container_tells_them():
    """A process that may not be looked into counts none, and is left out."""
    line = "7 14 Max open files            15                   15                   files     \n"
    (one,) = told_open("1 0 Max open files  1024  4096  files\n" + line)

    assert (one.process, one.count, one.limit) == (7, 14, 15)
    with pytest.raises(CouldNotCheck):
        told_open("sh: not found")
