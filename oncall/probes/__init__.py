"""How we look: one file a component. Each probe is read-only and time-bounded, and never judges."""

import pkgutil

EVERY_PROBE = tuple(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__))
