"""The machine: filesystems, memory, pressure, backups, clocks."""
