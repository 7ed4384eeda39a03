"""The machine that a benchmark ran on, in a line."""

import os
import platform
import tempfile
from pathlib import Path


def describe() -> str:
    """Processor, cores that this process may use, memory, kernel, Python, file system of the stores."""
    parts = [
        _processor(),
        f"{len(os.sched_getaffinity(0))} cores",
        f"{_memory_gib():.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"stores on {_file_system(Path(tempfile.gettempdir()))}",
    ]
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`."""
    best, found = "", "an unknown file system"
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, *_ = line.split()
        inside = folder == Path(mount) or Path(mount) in folder.parents
        if inside and len(mount) >= len(best):
            best, found = mount, kind
    return found


def resident_mib(pid: int | str = "self") -> float:
    """What this process, or that one, holds in memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """What that process has spent so far, its threads included."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
