"""Ways to break the embedded stack: real processes on this machine."""
