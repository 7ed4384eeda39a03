"""Blobs in a bucket of whatever speaks S3's protocol, `<prefix>/<workspace>/ab/abcdef…`."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from flowmatik.contracts.blobs import (
    BlobRef,
    checked_content,
    checked_place,
    checked_sha256,
    checked_workspace,
    no_blob,
    ref_of,
)
from flowmatik.kernel.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Store

T = TypeVar("T")
SECONDS = 30.0  # for one request
CHECKED = "flowmatik-check"  # the object that `check` writes


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Place:
    """`url` is `s3://bucket/prefix`; `endpoint` "" is Amazon's own. `repr` never shows the keys."""

    url: str
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)

    @property
    def bucket(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def prefix(self) -> str:
        return urlsplit(self.url).path.strip("/")


class S3Blobs:
    """Implements `BlobStore`. Requests are tried again for a few seconds by the client itself."""

    def __init__(self, place: S3Place) -> None:
        self._place = place
        self._store = _open(place)

    async def put(self, workspace_id: str, data: bytes, *, media_type: str) -> BlobRef:
        from obstore import put_async

        ref = ref_of(data, media_type)
        key = self._key(workspace_id, ref.sha256)
        attributes = {"Content-Type": media_type}
        await self._answer(put_async(self._store, key, data, attributes=attributes, use_multipart=False))
        return ref

    async def get(self, workspace_id: str, sha256: str) -> bytes:
        data = await self._read(self._key(workspace_id, sha256))
        if data is None:
            raise no_blob(workspace_id, sha256)
        return checked_content(workspace_id, sha256, data)

    async def _read(self, key: str) -> bytes | None:
        from obstore import get_async

        async def whole() -> bytes:
            return bytes(await (await get_async(self._store, key)).bytes_async())

        return await self._answer(whole())

    async def exists(self, workspace_id: str, sha256: str) -> bool:
        from obstore import head_async

        return await self._answer(head_async(self._store, self._key(workspace_id, sha256))) is not None

    async def delete(self, workspace_id: str, sha256: str) -> None:
        from obstore import delete_async

        await self._answer(delete_async(self._store, self._key(workspace_id, sha256)))

    async def list(self, workspace_id: str) -> AsyncIterator[str]:
        folder = f"{self._folder()}{checked_workspace(workspace_id)}/"
        listed: AsyncIterator[Sequence[ObjectMeta]] = aiter(cast("Any", self._store).list(folder))
        while (page := await self._answer(anext(listed, None))) is not None:
            for one in page:
                yield checked_sha256(one["path"].rpartition("/")[2])

    async def check(self) -> None:
        from obstore import delete_async, put_async

        key = f"{self._folder()}{CHECKED}"
        await self._answer(put_async(self._store, key, b"ok", use_multipart=False))
        if await self._read(key) is None:
            raise self._away("what was written cannot be read")
        await self._answer(delete_async(self._store, key))

    async def close(self) -> None:
        """The client closes its connections when it is collected."""

    def _folder(self) -> str:
        return f"{self._place.prefix}/" if self._place.prefix else ""

    def _key(self, workspace_id: str, sha256: str) -> str:
        workspace, name = checked_place(workspace_id, sha256)
        return f"{self._folder()}{workspace}/{name[:2]}/{name}"

    async def _answer(self, call: Awaitable[T]) -> T | None:
        """None when there is no such object."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            return await call
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._away("there is no such bucket") from error
            return None
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise self._away("it does not accept the keys") from error
        except (BaseError, OSError) as error:  # the library's words may name signed addresses
            raise self._away(type(error).__name__) from error

    def _away(self, said: str) -> Unavailable:
        place = f"{self._place.url} at {self._place.endpoint}" if self._place.endpoint else self._place.url
        return Unavailable(
            f"the blobs in {place!r} cannot be used: {said}; check the address, the keys and that it runs",
            code="unavailable.blobs",
            context={"place": place, "said": said},
        )


def _open(place: S3Place) -> "S3Store":
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise ConfigurationError(
            "blobs.url names an S3 bucket, and the package obstore is not installed; install it, or leave "
            "blobs.url empty",
            code="config.obstore",
        ) from error
    config: S3Config = {"region": place.region, "virtual_hosted_style_request": not place.endpoint}
    if place.endpoint:
        config["endpoint"] = place.endpoint
    if place.access_key:
        config["access_key_id"] = place.access_key
        config["secret_access_key"] = place.secret_key
    options: ClientConfig = {
        "allow_http": place.endpoint.startswith("http://"),
        "timeout": timedelta(seconds=SECONDS),
    }
    retries: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
    return S3Store(place.bucket, config=config, client_options=options, retry_config=retries)
