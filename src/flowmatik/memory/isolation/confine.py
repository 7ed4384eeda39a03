"""What a worker gives up before it reads a stranger's bytes. Each measure is taken where the system has
it; the worker says which of them hold."""

import ctypes
import os
import signal
import sys
import threading
import time
from contextlib import suppress

from flowmatik.memory.isolation import landlock

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_FILE_BYTES = 64 << 20  # bytes of one file that it may write; no parser writes any
_OPEN_FILES = 64
_NICENESS = 5


def confine(parent: int, memory_bytes: int, opens: str = "") -> list[str]:
    """Blocking, once, at the start. `parent` is the process without which this one has no business, `opens` a
    file that it must open itself."""
    holds: list[str] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent decides
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(_NICENESS)
            holds.append("priority")
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0:
            holds.append("parent")
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            holds.append("privileges")
        # With privileges a network of its own is enough, and the right to read files is kept.
        if libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
            holds.append("network")
        if "privileges" in holds and landlock.restrict(opens):
            holds.append("reading")
    if os.getppid() != parent:  # it died before we asked to be told
        os._exit(0)
    if "parent" not in holds:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    return holds + _limit(memory_bytes)


def _limit(memory_bytes: int) -> list[str]:
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    holds: list[str] = []
    for name, kind, most in (
        ("memory", resource.RLIMIT_AS, memory_bytes),
        ("files", resource.RLIMIT_FSIZE, _FILE_BYTES),
        ("handles", resource.RLIMIT_NOFILE, _OPEN_FILES),
        ("core", resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))
            holds.append(name)
    return holds


def limit_time(seconds: float) -> None:
    """The processor's time from now on, after which the system ends this process: a second net, should
    the parent be unable to."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(
            resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
        )


def _watch(parent: int) -> None:
    """Where the system does not tell."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)
