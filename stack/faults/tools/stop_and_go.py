"""A helper that stops a process by a signal, lets it go on, and stops it again, until it is ended itself."""

import os
import signal
import sys
import time


def main(process: int, stopped: float, going: float) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        print("ready", flush=True)
        while True:
            os.kill(process, signal.SIGSTOP)
            time.sleep(stopped)
            os.kill(process, signal.SIGCONT)
            time.sleep(going)
    finally:
        os.kill(process, signal.SIGCONT)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
