"""How much memory a process has, with all that descend from it."""

import contextlib
import resource
from pathlib import Path

PAGE = resource.getpagesize()
MOST = 4096  # processes that are looked at


def memory_of(pid: int) -> int:
    """Bytes; of memory that several share, everyone's share is counted whole. 0 once it has ended."""
    total = 0
    waiting, seen = [pid], 0
    while waiting and seen < MOST:
        one, seen = waiting.pop(), seen + 1
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            resident, shared = (int(n) for n in Path(f"/proc/{one}/statm").read_text().split()[1:3])
            total += max(0, resident - shared) * PAGE
            for thread in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text().split()]
    return total
