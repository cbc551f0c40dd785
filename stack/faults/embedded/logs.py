"""What only the log files tell: requests that fail one by one, in words that no signature knows."""

import json
import time
from datetime import UTC, datetime, timedelta

from stack.faults import fault
from stack.faults.expected.container_failures import BURST, LOG, LOG_FILE, RATE_LIMIT, of
from stack.running import Running

A_DOZEN = range(12)
START, BEFORE = 21, 10  # seconds


def say(stack: Running, part: str, *messages: dict[str, str]) -> None:
    """Lines of level error in a part's log, as its own program would write them.

    They are dated past the part's start, whose lines do not count, and before the run that reads them: what it is
    refused can leave lines of this level as well, and without an engine nobody knows both clocks to the second.
    """
    process = stack.process(part)
    stack.wait(lambda: time.time() - process.create_time() > START + BEFORE, f"{part} to be past its start", 60)
    at = (datetime.now(UTC) - timedelta(seconds=BEFORE - 1)).isoformat()
    with stack.log(part).open("a") as file:
        file.writelines(json.dumps({"time": at, "level": "error", **message}) + "\n" for message in messages)


@fault("backend-log-pool-timeouts", component="backend", cause_class="error burst", must_fail=of("backend", BURST))
def backend_log_pool_timeouts(stack: Running) -> None:
    """Some requests of the backend wait in vain for a connection of its own pool."""
    words = "P2024 Timed out fetching a new connection from the connection pool"
    say(stack, "backend", *({"message": f"request {number} failed", "error": words} for number in A_DOZEN))


@fault("backend-log-rate-limited", component="backend", cause_class="error burst", must_fail=of("backend", BURST))
def backend_log_rate_limited(stack: Running) -> None:
    """Another company's API refuses the backend's requests, for there are too many."""
    say(stack, "backend", *({"message": f"mail {number}: 429 Too Many Requests"} for number in A_DOZEN))


@fault("frontend-log-deleted", component="frontend", cause_class="deleted log",
       must_fail=of("frontend", LOG_FILE), unknown=[*of("frontend", LOG, BURST), RATE_LIMIT])  # fmt: skip
def frontend_log_deleted(stack: Running) -> None:
    """Somebody made room on the disk and deleted the frontend's log: it writes on, and nobody can read it."""
    stack.log("frontend").unlink()


@fault("backend-log-deleted", component="backend", cause_class="deleted log", must_fail=of("backend", LOG_FILE))
def backend_log_deleted(stack: Running) -> None:
    """A job that tidies up has deleted one of the backend's two logs under it."""
    stack.log("backend").unlink()
