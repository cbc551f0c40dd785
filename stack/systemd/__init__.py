"""The reference stack as systemd units: a Debian with its own systemd, in a container for want of a machine."""
