"""A helper process whose memory is put into the swap, and stays there."""

import ctypes
import mmap
import signal

SIZE = 8 << 20
MADV_PAGEOUT = 21


def main() -> None:
    memory = mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for place in range(0, SIZE, mmap.PAGESIZE):
        memory[place : place + 8] = place.to_bytes(8, "big")
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if ctypes.CDLL(None, use_errno=True).madvise(ctypes.c_void_p(address), ctypes.c_size_t(SIZE), MADV_PAGEOUT):
        raise SystemExit("the kernel does not put memory into the swap on request")
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
