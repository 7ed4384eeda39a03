"""Documents that a listing makes, from rows, messages or pages, until they are read.

They lie in a file without a name: nobody else sees them, and nothing of them is left behind. Their version
is what their content hashes to, so that only what has changed is read, and moves cost nothing.
"""

import hashlib
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, cast

from flowmatik.contracts.sources import Content, Entry
from flowmatik.kernel.errors import DocumentError

_IN_MEMORY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`path` is its file name, too. `fault`: why it cannot be taken."""

    path: str
    data: bytes = b""
    acl: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    dated: str = ""
    tags: tuple[str, ...] = ()
    version: str = ""
    fault: DocumentError | None = None


class Spool:
    """Blocking; any thread may use it."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._file = self._open.enter_context(nameless())
        self._lock = threading.Lock()
        self._places: dict[str, tuple[int, int]] = {}
        self._faults: dict[str, DocumentError] = {}
        self.size = 0

    def add(self, made: Made) -> Entry:
        """A later one of the same path takes the place of the earlier one."""
        version = made.version or f"sha256:{hashlib.sha256(made.data).hexdigest()}"
        with self._lock:
            if made.fault is not None:
                self._faults[made.path] = made.fault
                version = f"fault:{hashlib.sha256(f'{made.fault.code} {made.fault}'.encode()).hexdigest()}"
            else:
                self._file.seek(self.size)
                self._file.write(made.data)
                self._places[made.path] = (self.size, len(made.data))
                self.size += len(made.data)
        return Entry(
            path=made.path,
            version=version,
            size=len(made.data) if made.fault is None else -1,
            acl=made.acl,
            metadata=made.metadata,
            dated=made.dated,
            tags=made.tags,
        )

    def read(self, path: str, most: int) -> Content:
        """Raises DocumentError: its fault, `document.too_large`, `document.gone`."""
        if fault := self._faults.get(path):
            raise fault
        if path not in self._places:
            raise gone(path)
        begin, size = self._places[path]
        if size > most:
            raise too_large(path, size, most)
        with self._lock:
            self._file.seek(begin)
            return Content(data=self._file.read(size))

    def close(self) -> None:
        with self._lock:
            self._open.close()


@contextmanager
def nameless() -> Generator[IO[bytes]]:
    """A file that goes when it is closed, on disk only when it is large."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        yield cast("IO[bytes]", file)


def gone(path: str) -> DocumentError:
    return DocumentError(
        f"{path}: the source has it no longer", code="document.gone", context={"status": "-"}
    )


def too_large(path: str, size: int, most: int) -> DocumentError:
    return DocumentError(
        f"{path}: {size} bytes, above the limit of {most}; split it or raise the limit",
        code="document.too_large",
        context={"size": size, "limit": most},
    )
