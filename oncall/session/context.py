"""What one pytest session knows before it looks: the target, the clock, where it is kept, whom it informs."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, field

from oncall.gate.redaction import Redactor, installation_salt
from oncall.notify.notifier import AddressError, Addresses, addresses
from oncall.probing.snapshot import Snapshot, SnapshotError, read_snapshot
from oncall.reporting.followup import Followup, FollowupError, follows, read_later
from oncall.results.history import History, wrong_name
from oncall.results.record import CommandsFrom
from oncall.session.options import file_mode
from oncall.target.reader import TOKEN, Target, TargetError, bounded, default_target, read_target, shown_path, variables
from oncall.target.schema import Stack
from oncall.target.secrets import NOT_ALLOWED, allowed_names, parted, read_env_file
from oncall.target.views import Views


class RunContext(Struct):
    """What one pytest session knows of the stack before it looks.

    commands: the stack that the playbook's commands are filled from. commands_from: whose it is; what a snapshot says
        of it was written by whoever made the snapshot.
    """

    target: Target
    redact: Redactor
    clock: datetime
    views: Views
    snapshot: Snapshot | None = None
    replayed_from: str | None = None
    handlers: dict[int, Any] = field(default_factory=dict)
    later: Followup | None = None
    commands: Stack = Stack()
    commands_from: CommandsFrom = "local"


CONTEXT: "pytest.StashKey[RunContext]" = pytest.StashKey()


def read_context(config: pytest.Config) -> RunContext:
    """The target and the clock; raises pytest.UsageError (exit 4), one sentence a problem."""
    option = config.option
    try:
        snapshot = read_snapshot(Path(option.replay)) if option.replay else None
        target = _judged_anew(snapshot.target, option.target) if snapshot else _target(config)
        clock = snapshot.clock if snapshot else datetime.now(UTC)
        later = _later(option.followup, target, clock)
        if not snapshot:
            _refuse_variables(config, target)
        local = _local(config) if snapshot else target
    except (TargetError, SnapshotError, FollowupError) as error:
        raise pytest.UsageError(str(error)) from None
    views = Views(target.stack)
    context = RunContext(target, Redactor(installation_salt()), clock, views, snapshot, option.replay, later=later)
    if local and local.stack.name == target.stack.name:
        context.commands = local.stack
    else:
        context.commands, context.commands_from = target.stack, "snapshot"
    return context


def _local(config: pytest.Config) -> Target | None:
    """The target here, beside a snapshot: None where there is none that can be read, unless it was typed."""
    try:
        return _target(config)
    except TargetError:
        if config.option.target:
            raise
        return None


def _target(config: pytest.Config) -> Target:
    """The one that was typed, else that of the environment, else the one beside the suite's configuration."""
    untrusted = config.option.untrusted_target
    if given := config.option.target or os.environ.get("ONCALL_TARGET"):
        return read_target(Path(given), untrusted)
    shipped = config.rootpath / "oncall.toml"
    return read_target(shipped, untrusted) if shipped.exists() else default_target(untrusted)


def _refuse_variables(config: pytest.Config, target: Target) -> None:
    """Raise TargetError for what the target wants of the environment without being allowed, all of it at once.

    Only what would be used is refused: what the secrets file holds comes from there, and what nobody has set makes its
    own checks unknown.
    """
    stack = target.stack
    named = [one for one in variables(stack) if one != TOKEN]
    _, refused = parted(os.environ, (name for _, name in named), allowed_names(config.option.allow, os.environ))
    wanted = {key: name for key, name in named if name in refused and os.environ[name].strip()}
    if not wanted:
        return
    held = read_env_file(Path(stack.secrets_file)) if stack.secrets_file else {}
    problems = [
        f"{shown_path(target.path)}: {key}: {name} {NOT_ALLOWED.format(name=name)}"
        for key, name in wanted.items()
        if not held.get(name, "").strip()
    ]
    if problems:
        raise TargetError(bounded(problems))


def _judged_anew(saved: Target, typed: str | None) -> Target:
    """The target of a snapshot, by other limits and acceptances where a target is typed beside it."""
    if not typed:
        return saved
    other = read_target(Path(typed))
    return Target(stack=saved.stack, limits=other.limits, accepted=other.accepted, path=saved.path)


def _later(typed: str | None, target: Target, clock: datetime) -> Followup | None:
    """The result of a later run, for a post-mortem."""
    if not typed:
        return None
    path = Path(typed)
    later = read_later(path)
    follows(later, path, target.stack.name, clock)
    return later


def history(config: pytest.Config, report: str) -> History | None:
    """Where runs of this name are kept; None where nobody named one and the report goes elsewhere."""
    option = config.option
    if option.run_name is not None and (wrong := wrong_name(option.run_name)):
        raise pytest.UsageError(f"--run-name {wrong}")
    if option.run_name and not report:
        raise pytest.UsageError(
            "--run-name keeps a run beside the page that the ini option oncall_report names: set that"
        )
    if not report or (option.htmlpath and not option.run_name):
        return None
    page = config.rootpath / report
    return History(page.parent, option.run_name or page.stem, option.keep, file_mode(config))


def recipients(config: pytest.Config, context: RunContext) -> Addresses:
    """Whom to inform at the end, made known to the redactor before anything can show them.

    The environment and the secrets file speak for named runs alone: `-m p1` at noon must not pass for the night's run.
    """
    option, target = config.option, context.target
    file = read_env_file(Path(target.stack.secrets_file)) if target.path and target.stack.secrets_file else {}
    try:
        whom = addresses(option.ping, option.notify, os.environ, file)
    except AddressError as error:
        raise pytest.UsageError(str(error)) from None
    for secret in whom.secrets():
        context.redact.learn(secret)
    return whom if option.run_name else addresses(option.ping, option.notify)
