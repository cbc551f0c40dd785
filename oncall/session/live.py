"""The runner of a live run: what its probes may ask for, its budget, its log."""

import logging
import os
from pathlib import Path

import pytest

from oncall.probing.known_errors import KnownErrors
from oncall.probing.register import PROBES
from oncall.probing.runner import ProbeLog, Runner
from oncall.results.precedents import known_errors
from oncall.session.context import RunContext
from oncall.session.loop import probes_of
from oncall.session.masking import teach
from oncall.session.publishing import Publisher
from oncall.session.watchdog import Watchdog
from oncall.target.identity import identity
from oncall.target.reader import shown_path, variables
from oncall.target.secrets import Secrets, allowed_names, parted


def runner_of(config: pytest.Config, items: list[pytest.Item], context: RunContext, watchdog: Watchdog) -> Runner:
    """It looks at nothing before something is started."""
    stack, limits = context.target.stack, context.target.limits
    teach(config, items, context)
    file = Path(stack.secrets_file) if stack.secrets_file else None
    named = (name for _, name in variables(stack))
    environ, refused = parted(os.environ, named, allowed_names(config.option.allow, os.environ))
    secrets = Secrets(environ, file, watchdog.learning(context.redact.learn), context.redact.token, refused)
    active = [name for item in items if item.get_closest_marker("active") for name in probes_of(item)]
    budget = config.option.budget + max((PROBES[name].seconds(limits) for name in active), default=0.0)
    watchdog.begin(context.clock, budget)
    provided = {"stack": stack, "limits": limits, "secrets": secrets, "known_errors": _known_errors(config, context)}
    source = shown_path(context.target.path) if context.target.path else "the default target"
    runner = Runner(budget, provided, context.redact, watchdog.probe, source)
    logging.getLogger("oncall").setLevel(logging.INFO)
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, ProbeLog)]  # of a round before
    root.addHandler(ProbeLog(runner))
    return runner


def _known_errors(config: pytest.Config, context: RunContext) -> KnownErrors:
    """What the runs that are kept beside this one have met; nothing where none is kept."""
    publisher: Publisher | None = config.pluginmanager.get_plugin("oncall-publisher")
    history = publisher and publisher.history
    if not history:
        return KnownErrors()
    stack = context.target.stack
    return KnownErrors(lambda: known_errors(history.of_stack(stack.name, identity(stack)), context.clock))
