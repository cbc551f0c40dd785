"""The wiring page: the probes that this suite's checks may name."""

import gc

from oncall.probes import EVERY_PROBE

gc.set_threshold(100_000, 50, 100)  # a run lasts seconds: looking for garbage all the time would be a tenth of them

pytest_plugins = ["oncall.plugin", *EVERY_PROBE]
