"""A helper process that opens database sessions, runs statements in them and keeps them open."""

import json
import signal
import sys
import threading
from pathlib import Path

import psycopg


def main() -> None:
    orders = json.loads(Path(sys.argv[1]).read_text())
    kept = []
    for _ in range(orders["count"]):
        try:
            session = psycopg.connect(orders["address"], autocommit=True, application_name="backend")
        except psycopg.Error as error:
            if not kept:
                raise SystemExit(f"no session: {error}") from error
            break  # every slot is taken
        kept.append(session)
        *first, last = orders["statements"] or ["SELECT 1"]
        for statement in first:
            session.execute(statement)
        if orders["wait"]:
            session.execute(last)
        else:
            threading.Thread(target=session.execute, args=(last,), daemon=True).start()
    print(f"ready with {len(kept)} sessions", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
