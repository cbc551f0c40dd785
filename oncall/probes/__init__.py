"""How we look: one file a component. Each probe is read-only and time-bounded, and never judges."""

EVERY_PROBE = ("oncall.probes.every",)
