"""A disk that cannot take what is written to it, as an error of ours."""

import errno
import os
from pathlib import Path

from flowmatik.kernel.errors import Unavailable

_CANNOT_TAKE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def disk_fault(error: OSError, path: Path | str = "") -> Unavailable | None:
    """Unavailable (`unavailable.disk`) when `error` means a full, read-only or failing disk; None when
    it means something else. `path`: what was written, where `error` does not name it."""
    if error.errno not in _CANNOT_TAKE:
        return None
    named: object = error.filename or path
    place, said = os.fsdecode(named) if isinstance(named, bytes) else str(named), os.strerror(error.errno)
    what = f"{place!r} cannot be written" if place else "a file cannot be written"
    return Unavailable(
        f"{what}: {said}; free or check the disk, then try again",
        code="unavailable.disk",
        context={"path": place, "said": said} if place else {"said": said},
    )
