"""All probes as one plugin: pytest looks for each plugin's name in all installed packages, thirty names take long."""

import importlib
import pkgutil

from oncall import probes
from oncall.probing.register import PROBES

for _found in pkgutil.walk_packages(probes.__path__, f"{probes.__name__}."):
    if _found.name != __name__:
        _module = vars(importlib.import_module(_found.name))
        globals().update({name: fixture for name, fixture in _module.items() if name in PROBES})
