"""A bucket of whatever speaks S3's protocol: the objects below a prefix.

An object's ETag is its version; equal ETags of one bucket are taken for equal content, so that an object
that was moved is not fetched again.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceOutside, SourceSetup
from flowmatik.kernel.addresses import addresses_of, is_public
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_settings import Given, lost

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Config, S3Store

T = TypeVar("T")
SECONDS = 60.0  # for one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`access_key` and `secret_key` are references; `endpoint` "" is Amazon's own."""

    name: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret_key: str
    private: bool


def build(given: SourceSetup) -> "S3Reader":
    settings = Given("s3", given.settings)
    bucket = Bucket(
        name=settings.text("bucket"),
        prefix=settings.text("prefix", "").strip("/"),
        endpoint=settings.text("endpoint", ""),
        region=settings.text("region", "us-east-1"),
        access_key=settings.reference("access_key"),
        secret_key=settings.reference("secret_key"),
        private=settings.flag("allow_private"),
    )
    settings.finish()
    at = urlsplit(bucket.endpoint)
    if bucket.endpoint and (at.scheme not in ("http", "https") or not at.hostname or "@" in at.netloc):
        raise settings.wrong("endpoint", "an http:// or https:// address without a user in it is needed")
    return S3Reader(bucket, given.outside)


class S3Reader:
    """Implements `SourceReader`."""

    content_versions = True
    in_place: Path | None = None

    def __init__(self, bucket: Bucket, outside: SourceOutside) -> None:
        self._bucket = bucket
        self._outside = outside
        self._store: S3Store | None = None

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        await self._looked_at()
        prefix = f"{self._bucket.prefix}/" if self._bucket.prefix else None
        listed: AsyncIterator[Sequence[ObjectMeta]] = aiter(cast("Any", self._opened()).list(prefix))
        while (page := await self._answer(anext(listed, None))) is not None:
            for one in page:
                if not any(part.startswith(".") for part in one["path"].split("/")):
                    yield self._entry(one)

    def listed(self) -> Listed:
        return Listed(complete=True)

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        if entry.size > most:
            raise DocumentError(
                f"{entry.path}: {entry.size} bytes, above the limit of {most}; split it or raise the limit",
                code="document.too_large",
                context={"size": entry.size, "limit": most},
            )
        key = f"{self._bucket.prefix}/{entry.path}" if self._bucket.prefix else entry.path
        data = await self._answer(self._whole(key))
        if data is None:
            raise DocumentError(
                f"{entry.path}: the bucket has it no longer", code="document.gone", context={"status": 404}
            )
        return Content(data=data)

    async def close(self) -> None:
        """The client closes its connections when it is collected."""

    def _entry(self, one: "ObjectMeta") -> Entry:
        path = one["path"].removeprefix(f"{self._bucket.prefix}/") if self._bucket.prefix else one["path"]
        tag = one["e_tag"] or ""
        return Entry(path=path, version=tag and f"{tag}:{one['size']}", size=one["size"])

    async def _whole(self, key: str) -> bytes:
        from obstore import get_async

        return bytes(await (await get_async(self._opened(), key)).bytes_async())

    async def _answer(self, call: Awaitable[T]) -> T | None:
        """None when there is no such object."""
        from obstore.exceptions import BaseError

        try:
            return await call
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise lost(self._bucket.name, "there is no such bucket") from error
            return None
        except (BaseError, OSError) as error:  # the library's words may name signed addresses
            raise lost(self._bucket.name, type(error).__name__) from error

    async def _looked_at(self) -> None:
        """Nobody is led into a private network unless the operator says so."""
        at = urlsplit(self._bucket.endpoint)
        if not at.hostname or self._bucket.private:
            return
        try:
            found = await addresses_of(at.hostname, at.port or 443)
        except OSError as error:
            raise lost(self._bucket.name, "the host of its endpoint is unknown") from error
        if not found or not all(map(is_public, found)):
            why = "its endpoint is in a private network; set allow_private if that is meant"
            raise lost(self._bucket.name, why)

    def _opened(self) -> "S3Store":
        if self._store is None:
            from obstore.store import S3Store

            config: S3Config = {
                "region": self._bucket.region,
                "virtual_hosted_style_request": not self._bucket.endpoint,
                "access_key_id": self._outside.secret(self._bucket.access_key),
                "secret_access_key": self._outside.secret(self._bucket.secret_key),
            }
            if self._bucket.endpoint:
                config["endpoint"] = self._bucket.endpoint
            self._store = S3Store(
                self._bucket.name,
                config=config,
                client_options={
                    "allow_http": self._bucket.endpoint.startswith("http://"),
                    "timeout": timedelta(seconds=SECONDS),
                },
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=5)},
            )
        return self._store
