"""What a person does by hand where the playbook tells to mend something: what was changed is put back, at one place."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from stack.docker.running import DockerStack
from stack.running import copy


@dataclass(frozen=True)
class ManualFix:
    """place: as the steps of PLAYBOOK.md call it under `Edit`."""

    place: str
    do: Callable[[DockerStack], None]


def _put_back(*names: str) -> Callable[[DockerStack], None]:
    def do(stack: DockerStack) -> None:
        for name in names:
            copy(stack.home.pristine / name, stack.home.path / name)

    return do


def _ask_the_engine_itself(stack: DockerStack) -> None:
    stack.edit_target("docker.host", os.environ.get("DOCKER_HOST", ""))


COMPOSE_FILE = ManualFix("Compose file", _put_back("override.json"))
ENV_FILE = ManualFix("env file", _put_back("backend.env"))
TARGET_FILE = ManualFix("target file", _ask_the_engine_itself)
OTHER_PROGRAM = ManualFix("other program", lambda stack: stack.end_helpers())


def _nginx(stack: DockerStack) -> None:
    """In place: the folder is mounted into the container."""
    stack.nginx.write_text((stack.home.pristine / "nginx" / stack.nginx.name).read_text())


PROXY = ManualFix("proxy", _nginx)
