"""What the stack remembers between two commands: one private folder, and a file in it that names all it has started."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class StackError(Exception):
    """What the user is told, in one sentence."""


class Home:
    """The state folder and the places in it."""

    def __init__(self, path: Path | None = None) -> None:
        given = os.environ.get("STACK_HOME")
        self.path = Path(path or given or ROOT / ".stack").absolute()
        self.file = self.path / "state.json"
        self.logs = self.path / "logs"
        self.page = self.path / "page"
        self.tls = self.path / "tls"
        self.backups = self.path / "backups"
        self.pristine = self.path / "pristine"
        self.target = self.path / "oncall.toml"
        self.secrets = self.path / "oncall.env"

    def env_file(self, part: str) -> Path:
        return self.path / f"{part}.env"

    def pid_file(self, part: str) -> Path:
        """Of a part of ours; PostgreSQL keeps its own."""
        return self.path / f"{part}.pid"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.write({"phase": "starting"})  # first of all: from now on the folder is known as ours
            for folder in (self.logs, self.tls, self.backups, self.pristine):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StackError(f"the state folder {self.path} cannot be made: {error.strerror}") from error

    def read(self) -> dict[str, Any] | None:
        """The state, or None when there is no stack."""
        try:
            return json.loads(self.file.read_text())
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise StackError(f"the state folder {self.path} is not a folder") from error
        except PermissionError as error:
            raise StackError(f"the state folder {self.path} belongs to another user") from error
        except (OSError, ValueError) as error:
            raise StackError(f"{self.file} cannot be read ({error}): run `python -m stack down`") from error

    def write(self, state: dict[str, Any]) -> None:
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(state, indent=1))
        new.replace(self.file)

    @contextmanager
    def lock(self, patience: float = 60.0) -> Iterator[None]:
        """One command at a time works on a stack; the lock is on the folder itself, so that nothing stays behind."""
        until = time.monotonic() + patience
        while True:
            handle = self._open()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), os.stat(self.path)):
                        break
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(handle)
                    raise StackError(f"another command is at work on the stack in {self.path}") from None
                time.sleep(0.1)
            os.close(handle)  # busy, or removed by the one before us
        try:
            yield
        finally:
            with suppress(OSError):
                self.path.rmdir()  # if nothing was put into it
            os.close(handle)

    def _open(self) -> int:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except FileExistsError:
            raise StackError(f"the state folder {self.path} is not a folder") from None
        except OSError as error:
            raise StackError(f"the state folder {self.path} cannot be used: {error.strerror}") from error


def read_env(path: Path) -> dict[str, str]:
    """NAME=value lines; no quoting, no escapes."""
    lines = (line for line in path.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def write_env(path: Path, values: dict[str, str]) -> None:
    """Written for its owner's eyes only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    new.replace(path)
