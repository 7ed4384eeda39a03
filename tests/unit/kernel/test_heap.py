"""Where big blocks of memory are, in a process of its own."""

import subprocess
import sys

# Whether a block as big as asyncio asks for lies in the heap, after a bigger one was freed.
ASK = """
{first}
bigger = bytes(8 * 1024 * 1024)
del bigger
block = bytes(256 * 1024)
with open("/proc/self/maps") as maps:
    [heap] = [line.split()[0] for line in maps if line.rstrip().endswith("[heap]")]
low, high = (int(end, 16) for end in heap.split("-"))
print(low <= id(block) < high)
"""
SERVING = "from flowmatik.kernel.garbage import collect_rarely; collect_rarely()"


def in_the_heap(first: str = "") -> bool:
    asked = [sys.executable, "-c", ASK.format(first=first)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=120)
    return said.stdout.strip() == "True"


def test_a_process_that_serves_takes_big_blocks_from_the_system_and_leaves_no_holes_in_its_heap() -> None:
    assert in_the_heap(), "glibc puts them there by itself; under another C library this shows nothing"
    assert not in_the_heap(SERVING)
