"""The wiring page: the plugins of a run, and the probes that this suite's checks may name."""

from oncall.probes import EVERY_PROBE
from oncall.session import tuning

tuning.collect_garbage_seldom()

PYTEST_HTML = ("pytest_metadata.plugin", "pytest_html.fixtures", "pytest_html.plugin")

pytest_plugins = [*PYTEST_HTML, "oncall.plugin", *EVERY_PROBE]
