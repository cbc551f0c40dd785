"""A helper whose processes do nothing but use CPUs: as many of them as it is told.

They are nice, so that the machine that they fill can still be worked on: what waits for a CPU is the same.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(number: int) -> None:
    for _ in range(number):
        if not os.fork():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.nice(19)
            while True:
                pass
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]))
