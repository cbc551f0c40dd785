"""A run as data: its record, its exit code, the runs that are kept, and what has changed since the last one."""
