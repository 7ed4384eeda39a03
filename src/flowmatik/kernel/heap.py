"""How the C library's heap of a process that lives long is kept from growing by holes."""

import ctypes
import sys

# <malloc.h> of glibc, and its own first values; see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
BIG = 128 * 1024  # bytes; blocks from this size on are mapped, and go back to the system when they are freed
SPARE = 1024 * 1024  # bytes free at the heap's end before they go back


def map_big_blocks() -> None:
    """Big blocks of memory stay outside the heap. By itself glibc takes them from it once one was freed;
    asyncio asks for 256 KiB whenever it receives, and what small thing is put into that hole meanwhile keeps
    it from being used again: a worker grew by a KiB with each run, though it held no more. Does nothing
    under another C library or system."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, BIG)
        mallopt(_M_TRIM_THRESHOLD, SPARE)
