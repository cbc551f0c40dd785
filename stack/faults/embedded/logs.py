"""What only the log files tell: requests that fail one by one, in words that no signature knows."""

import json
import time
from datetime import UTC, datetime

from stack.faults import fault
from stack.faults.expected.container_failures import BURST, of
from stack.running import Running

A_DOZEN = range(12)


def say(stack: Running, part: str, *lines: str) -> None:
    """Lines in a part's log, as its own program would write them, past its start, whose lines do not count."""
    process = stack.process(part)
    stack.wait(lambda: time.time() - process.create_time() > 21, f"{part} to be past its start", 40)
    with stack.log(part).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


@fault("backend-log-pool-timeouts", component="backend", cause_class="error burst", must_fail=of("backend", BURST))
def backend_log_pool_timeouts(stack: Running) -> None:
    """Some requests of the backend wait in vain for a connection of its own pool."""
    words = "P2024 Timed out fetching a new connection from the connection pool"
    say(stack, "backend", *(_line("error", f"request {number} failed", error=words) for number in A_DOZEN))


@fault("backend-log-rate-limited", component="backend", cause_class="error burst", must_fail=of("backend", BURST))
def backend_log_rate_limited(stack: Running) -> None:
    """Another company's API refuses the backend's requests, for there are too many."""
    say(stack, "backend", *(_line("error", f"mail {number}: 429 Too Many Requests") for number in A_DOZEN))


def _line(level: str, message: str, **more: str) -> str:
    return json.dumps({"time": datetime.now(UTC).isoformat(), "level": level, "message": message, **more})
