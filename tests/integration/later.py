"""A plugin for runs under test: thirty days later by every clock that Python asks."""

from datetime import UTC, datetime, timedelta

import time_machine

time_machine.travel(datetime.now(UTC) + timedelta(days=30), tick=True).start()
