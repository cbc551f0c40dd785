"""The wiring page: the probes that this suite's checks may name."""

from oncall.probes import EVERY_PROBE

pytest_plugins = ["oncall.plugin", *EVERY_PROBE]
