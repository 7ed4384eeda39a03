"""The archive of a bundle: a plain tar (POSIX ustar) of `manifest.json`, `manifest.sig` and `agents/*.yaml`,
in this order, with no times, owners or links, so that the same content is the same bytes. Pure.

Only what the manifest names is read, and nothing is ever unpacked to a disk.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowmatik.contracts.bundles import MAX_BUNDLE_BYTES
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

MANIFEST, SIGNATURE, FOLDER = "manifest.json", "manifest.sig", "agents/"
FORMAT = "flowmatik-agents/1"
MAX_MEMBERS = 2_002
_SIGNED = b"flowmatik agent bundle\0"  # so that a signature of ours means nothing elsewhere
_FILE = re.compile(r"agents/[a-z][a-z0-9-]{0,62}@[0-9a-f]{12}\.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ManifestScore(_Strict):
    set_name: str
    set_hash: str
    score: float = Field(ge=0, le=1, allow_inf_nan=False)
    n: int = Field(ge=1)
    model: str = ""
    at: str = ""
    by: str = ""


class ManifestAgent(_Strict):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^[0-9a-f]{12}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    evaluations: tuple[ManifestScore, ...] = ()

    @property
    def file(self) -> str:
        return f"{FOLDER}{self.name}@{self.version}.yaml"


class Manifest(_Strict):
    """`made_at`: ISO 8601 in UTC with microseconds, so that texts sort as times do."""

    format: str
    key: str = Field(max_length=100)
    source: str = Field(max_length=200)
    made_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")
    made_by: str = Field(max_length=200)
    agents: tuple[ManifestAgent, ...] = Field(min_length=1, max_length=2_000)


def signed_bytes(manifest: bytes) -> bytes:
    return _SIGNED + manifest


def packed(manifest: bytes, signature: bytes, texts: Mapping[str, str]) -> bytes:
    """`texts` by path. Raises InvalidInput when it is too large for anybody to take."""
    members = [
        (MANIFEST, manifest),
        (SIGNATURE, signature),
        *((path, texts[path].encode()) for path in sorted(texts)),
    ]
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), 0, 0o644
            archive.addfile(entry, io.BytesIO(content))
    content = whole.getvalue()
    if len(content) > MAX_BUNDLE_BYTES:
        raise _too_large(len(content))
    return content


def unpacked(content: bytes) -> dict[str, bytes]:
    """Its files by path. Raises InvalidInput for anything but plain files of the names that bundles have."""
    if len(content) > MAX_BUNDLE_BYTES:
        raise _too_large(len(content))
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            while (entry := archive.next()) is not None:
                _check(entry, found)
                file = archive.extractfile(entry)
                found[entry.name] = file.read() if file else b""
    except (tarfile.TarError, UnicodeError, EOFError, ValueError, OverflowError) as error:
        raise broken(f"it is no tar archive ({error})") from error
    for needed in (MANIFEST, SIGNATURE):
        if needed not in found:
            raise broken(f"{needed} is missing, so nobody signed it")
    return found


def _check(entry: tarfile.TarInfo, found: Mapping[str, bytes]) -> None:
    name = entry.name
    if not entry.isreg() or not (name in (MANIFEST, SIGNATURE) or _FILE.fullmatch(name)):
        raise broken(f"it holds {name[:200]!r}, and bundles hold plain files of agents alone")
    if name in found or len(found) >= MAX_MEMBERS:
        raise broken(f"it holds {name[:200]!r} twice, or too many files")
    if entry.size > MAX_BUNDLE_BYTES:
        raise broken(f"{name!r} says that it is larger than the bundle")


def manifest_of(content: bytes) -> Manifest:
    """Raises InvalidInput for what does not say what it must."""
    try:
        loaded: Any = canonical.loads(content)
        manifest = Manifest.model_validate(loaded)
    except (ValidationError, ValueError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else "JSON"
        raise broken(f"its manifest cannot be read ({where})") from error
    if manifest.format != FORMAT:
        raise broken(f"its format is {manifest.format[:60]!r} and this version reads {FORMAT!r}")
    if len({agent.name for agent in manifest.agents}) < len(manifest.agents):
        raise broken("its manifest names an agent twice")
    return manifest


def texts_of(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, str]:
    """The profiles, each as the manifest says. Raises InvalidInput for one that was changed, added or left
    out."""
    wanted = {agent.file: agent for agent in manifest.agents}
    for path in files:
        if path not in (MANIFEST, SIGNATURE) and path not in wanted:
            raise broken(f"it holds {path!r}, which its manifest does not name")
    for path, agent in wanted.items():
        if path not in files:
            raise broken(f"{path!r} is missing")
        if hashlib.sha256(files[path]).hexdigest() != agent.sha256:
            raise broken(f"{path!r} is not what its manifest says: it was changed")
    try:
        return {path: files[path].decode() for path in wanted}
    except UnicodeDecodeError as error:
        raise broken("a profile in it is not text in UTF-8") from error


def broken(said: str) -> InvalidInput:
    return InvalidInput(
        f"the bundle cannot be used: {said}; get it again from where it was made",
        code="input.bundle",
        context={"said": said},
    )


def _too_large(size: int) -> InvalidInput:
    return InvalidInput(
        f"the bundle has {size:,} bytes; at most {MAX_BUNDLE_BYTES:,} are taken: make several, smaller ones",
        code="input.bundle_large",
        context={"bytes": size, "most": MAX_BUNDLE_BYTES},
    )
