"""The wiring page: the plugins of a run, and the probes that this suite's checks may name."""

import gc

from oncall.probes import EVERY_PROBE

gc.set_threshold(100_000, 50, 100)  # a run lasts seconds: looking for garbage all the time would be a tenth of them

PYTEST_HTML = ("pytest_metadata.plugin", "pytest_html.fixtures", "pytest_html.plugin")

pytest_plugins = [*PYTEST_HTML, "oncall.plugin", *EVERY_PROBE]
