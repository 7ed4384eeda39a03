"""What a worker may open: its Python and the system's libraries, where the kernel has Landlock.

Sources: https://docs.kernel.org/userspace-api/landlock.html and <linux/landlock.h>. The three system calls
have the same numbers on every architecture. A kernel without Landlock (before 5.13, or with it switched off)
refuses the first of them.
"""

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_ASKED = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
_REMOVE_FILE, _MAKE_REG, _TRUNCATE = 1 << 5, 1 << 8, 1 << 14
_RIGHTS_BY_VERSION = ((1, (1 << 13) - 1), (2, 1 << 13), (3, _TRUNCATE), (5, 1 << 15))
_TCP = 0b11  # binding and connecting, since version 4
_SCOPES = 0b11  # abstract sockets and signals of others, since version 6
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/dev/urandom", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo"),
)


def restrict(opens: str = "") -> bool:
    """Blocking, for good, after PR_SET_NO_NEW_PRIVS: whether it holds. `opens`: a file that a library opens
    by its path, with what lies beside it, for that is how SQLite reads a database with a log."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_ASKED)
    if version < 1:
        return False
    handled = sum(rights for since, rights in _RIGHTS_BY_VERSION if version >= since)
    fields = (handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    known = 1 if version < 4 else 2 if version < 6 else 3
    attributes = struct.pack(f"{known}Q", *fields[:known])
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path in _readable():
            _allow(libc, ruleset, path, (_READ_FILE | _READ_DIR) & handled)
        _allow(libc, ruleset, os.devnull, (_READ_FILE | _WRITE_FILE) & handled)
        if opens:
            rights = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE
            _allow(libc, ruleset, os.path.dirname(opens), rights & handled)
        return libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _readable() -> Iterable[str]:
    """Of `sys.path` only what packages are installed in: the folder that somebody works in may be in it."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    own = [sysconfig.get_path(name) for name in names]
    installed = [
        path for path in sys.path if Path(path).name in ("site-packages", "dist-packages", "lib-dynload")
    ]
    packages = str(Path(__file__).parents[2])
    libraries = [os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)]
    return dict.fromkeys((*own, *installed, packages, *libraries, *_SYSTEM))


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """What is not there is not allowed either."""
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(path):
                rights &= _READ_FILE | _WRITE_FILE
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        finally:
            os.close(place)
