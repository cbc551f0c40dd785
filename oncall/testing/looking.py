"""One probe in this process, through a run's own runner: what a check would get, or the exception it would meet."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Self

from oncall.gate.redaction import Redactor
from oncall.probes import EVERY_PROBE
from oncall.probing.runner import Runner
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets

SALT = b"oncall.testing"  # so that what is masked looks the same in every test


class Looks:
    """Several looks that share what they need, as the checks of one run do; its connections are closed at the end.

        with Looks(stack) as look:
            assert look("backend_health").status == 200

    environment: the variables that hold secrets; of this process's own none is seen.
    given: by name, what stands in place of a probe's answer: a fact, a client, an exception where one may be missing.
    budget: seconds for all looks together.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        given: Mapping[str, Any] | None = None,
        budget: float = 20.0,
    ) -> None:
        for module in EVERY_PROBE:
            import_module(module)
        redact = Redactor(SALT)
        secrets = Secrets(environment or {}, None, redact.learn)
        provided = {"stack": stack, "limits": limits or Limits(), "secrets": secrets, **(given or {})}
        self.runner = Runner(budget, provided, redact)

    def __call__(self, name: str, **parameters: str) -> Any:
        """The fact of one probe; raises CouldNotCheck, NotPart or ProbeCrashed.

        parameters: those of the check, such as endpoint or service.
        """
        return self.runner.answer(name, parameters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.finish()


def look(
    name: str,
    stack: Stack,
    *,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    budget: float = 20.0,
    **parameters: str,
) -> Any:
    """The fact of one probe alone: see `Looks`, which shares what several of them need."""
    with Looks(stack, limits=limits, environment=environment, given=given, budget=budget) as one:
        return one(name, **parameters)
