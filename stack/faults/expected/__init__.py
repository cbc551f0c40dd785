"""Lists that many faults share: what fails, and what cannot be looked at, while something nearer is broken."""
