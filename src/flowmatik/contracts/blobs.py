"""Blobs: what is too large for a row of the journal, kept by its content."""

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, cast

from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError, InvalidInput, NotFound

REFERENCE = "$blob"  # the one key of an object that stands for a blob
PREVIEW_CHARACTERS = 2000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """`sha256` is hex, `bytes` the length."""

    sha256: str
    bytes: int
    media_type: str = "application/json"

    def shown(self, preview: str = "") -> dict[str, Any]:
        """What stands for it in JSON; `preview` is how its text begins."""
        body: dict[str, Any] = {"sha256": self.sha256, "bytes": self.bytes}
        return {REFERENCE: {**body, "preview": preview[:PREVIEW_CHARACTERS]} if preview else body}


class BlobStore(Protocol):
    """Content-addressed, per workspace: one workspace never sees what another has put, not even when it
    knows the hash. Every method raises Unavailable (`unavailable.blobs`, retryable) while the store is away
    and InvalidInput (`input.blob`) for a hash or workspace that cannot be one."""

    async def put(self, workspace_id: str, data: bytes, *, media_type: str) -> BlobRef:
        """Durable when it returns. The same content again is the same blob."""
        ...

    async def get(self, workspace_id: str, sha256: str) -> bytes:
        """Raises NotFound (`not_found.blob`), and EngineError (`engine.blob`) when what is there is not
        what was put."""
        ...

    async def exists(self, workspace_id: str, sha256: str) -> bool: ...

    async def delete(self, workspace_id: str, sha256: str) -> None:
        """Nothing happens when it is not there."""
        ...

    def list(self, workspace_id: str) -> AsyncIterator[str]:
        """The hashes of all its blobs, in no order that counts; for sweeps."""
        ...

    async def check(self) -> None:
        """Returns when blobs could be written and read now; Unavailable says why not."""
        ...

    async def close(self) -> None: ...


class RunBlobs(Protocol):
    """What callers read of what their runs put away."""

    async def read(self, workspace_id: str, run_id: str, sha256: str) -> bytes:
        """JSON. Raises NotFound for a run (`not_found.run`) that this workspace does not have or a blob
        (`not_found.blob`) to which the run does not refer, and what `BlobStore.get` raises."""
        ...


def ref_of(data: bytes, media_type: str) -> BlobRef:
    return BlobRef(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), media_type=media_type)


def checked_place(workspace_id: str, sha256: str) -> tuple[str, str]:
    """Both, fit to be parts of a path. Raises InvalidInput (`input.blob`)."""
    return checked_workspace(workspace_id), checked_sha256(sha256)


def checked_workspace(workspace_id: str) -> str:
    if not _WORKSPACE.fullmatch(workspace_id) or ".." in workspace_id:
        raise InvalidInput(
            f"{workspace_id[:100]!r} is no workspace that blobs can be kept for; use letters, digits, "
            "'-' and '_'",
            code="input.blob",
            context={"value": workspace_id[:100]},
        )
    return workspace_id


def checked_sha256(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InvalidInput(
            f"{sha256[:100]!r} is no hash of a blob; it has 64 hexadecimal digits in lower case",
            code="input.blob",
            context={"value": sha256[:100]},
        )
    return sha256


def checked_content(workspace_id: str, sha256: str, data: bytes) -> bytes:
    """`data`, if it is what was put. Raises EngineError (`engine.blob`)."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise EngineError(
            f"blob {sha256} of workspace {workspace_id!r} is damaged: what is kept has the hash {found}; "
            "restore it from a backup",
            code="engine.blob",
            context={"sha256": sha256, "found": found},
        )
    return data


def no_blob(workspace_id: str, sha256: str) -> NotFound:
    return NotFound(
        f"there is no blob {sha256} in workspace {workspace_id!r}; runs show the hashes of theirs",
        code="not_found.blob",
        context={"sha256": sha256},
    )


def reference_in(value: object) -> dict[str, Any] | None:
    """The body of a reference ({"sha256", "bytes", …}) when `value` is one, and nothing beside it."""
    if not isinstance(value, dict) or cast("dict[str, Any]", value).keys() != {REFERENCE}:
        return None
    body = cast("dict[str, Any]", value)[REFERENCE]
    if not isinstance(body, dict):
        return None
    known = cast("dict[str, Any]", body)
    sha256, size = known.get("sha256"), known.get("bytes")
    sound = isinstance(sha256, str) and bool(_SHA256.fullmatch(sha256)) and isinstance(size, int)
    return known if sound else None


def references_in(value: Any) -> dict[str, int]:
    """The lengths by hash of all blobs that JSON refers to, also inside texts that are JSON themselves."""
    found: dict[str, int] = {}
    left: list[Any] = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if REFERENCE in one and one[:1] in '{["':
                with contextlib.suppress(ValueError):  # a preview, which is cut off
                    left.append(canonical.loads(one))
        elif isinstance(one, list | tuple):
            left.extend(cast("Iterable[Any]", one))
        elif isinstance(one, dict):
            body = reference_in(cast("dict[str, Any]", one))
            if body is not None:
                found[str(body["sha256"])] = int(body["bytes"])
            else:
                left.extend(cast("dict[str, Any]", one).values())
    return found


def may_refer(text: str) -> bool:
    """Whether it is worth reading this JSON for references."""
    return REFERENCE in text
