"""Pictures that people show to models: their bytes go to the provider alone. What is kept, hashed or told of
them is their SHA-256.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from flowmatik.contracts.blobs import REFERENCE, BlobRef
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.kernel.errors import InvalidInput, ModelRejected
from flowmatik.kernel.pictures import picture_in

MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_BYTES = 5 * 1024 * 1024  # of one picture; the least that any of the vendors takes
MOST_SIDE = 8_000  # pixels; Anthropic takes no more
MOST_IMAGES = 8  # of one run
MOST_ALL_BYTES = 20 * 1024 * 1024  # of all its pictures, which go out with every turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """As `image_of` makes it. `width` and `height` in pixels, `size` in bytes. `data` is empty where the
    picture is only told of, and got from the blob store before it is sent."""

    media_type: str
    sha256: str
    width: int
    height: int
    size: int
    data: bytes = field(default=b"", repr=False)

    @property
    def told(self) -> dict[str, Any]:
        """What others may know of it."""
        return {"media_type": self.media_type, "sha256": self.sha256, "bytes": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRef:
    """A picture in a run's history. `blob` is the reference that stands for its bytes, in the form in which
    JSON refers to blobs, so that whoever copies a history keeps the picture."""

    media_type: str
    width: int
    height: int
    blob: dict[str, Any]

    @property
    def sha256(self) -> str:
        return str(self.blob[REFERENCE]["sha256"])

    @property
    def size(self) -> int:
        return int(self.blob[REFERENCE]["bytes"])

    @property
    def image(self) -> Image:
        """Without its bytes."""
        return Image(
            media_type=self.media_type,
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            size=self.size,
        )


class Sight(Protocol):
    """What is known of who sees pictures."""

    async def sees(self, workspace_id: str, model: str) -> bool | None:
        """By the model list, or by probes of the workspace; of a name with several deployments whether any
        of them does. None: nobody knows. Raises JournalUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMessage(Message):
    """What a person says, with pictures beside it. A Message of its own kind, so that others are written and
    hashed as they were before there were any."""

    images: tuple[Image, ...] = ()


def image_of(data: bytes) -> Image:
    """Raises InvalidInput (`input.image`, `input.image_size`, `input.image_pixels`)."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(
            f"a picture has {len(data)} bytes, and at most {MOST_BYTES} are taken; make it smaller",
            code="input.image_size",
            context={"bytes": len(data), "most": MOST_BYTES},
        )
    found = picture_in(data)
    if found is None:
        raise InvalidInput(
            "what was given is no PNG, JPEG, GIF or WebP picture; convert it to one of these",
            code="input.image",
        )
    if max(found.width, found.height) > MOST_SIDE:
        raise InvalidInput(
            f"a picture has {found.width} × {found.height} pixels, and no side may have more than "
            f"{MOST_SIDE}; make it smaller",
            code="input.image_pixels",
            context={"width": found.width, "height": found.height, "most": MOST_SIDE},
        )
    return Image(
        media_type=found.media_type,
        sha256=sha256(data).hexdigest(),
        width=found.width,
        height=found.height,
        size=len(data),
        data=data,
    )


def ref_of_image(image: Image) -> PictureRef:
    blob = BlobRef(sha256=image.sha256, bytes=image.size, media_type=image.media_type)
    return PictureRef(media_type=image.media_type, width=image.width, height=image.height, blob=blob.shown())


def blind(model: str) -> ModelRejected:
    return ModelRejected(
        f"{model!r} sees no pictures; ask a model that does (`flowmatik models probe` finds out), or leave "
        "the pictures out",
        code="model.vision",
        context={"model": model},
    )


def images_of(request: ModelRequest) -> tuple[Image, ...]:
    """All of a request, in order."""
    return tuple(image for one in request.messages if isinstance(one, ImageMessage) for image in one.images)


def without_bytes(messages: Sequence[Message]) -> Sequence[Message | dict[str, Any]]:
    """To be kept, or hashed: of pictures what others may know."""
    if not any(isinstance(one, ImageMessage) for one in messages):
        return messages
    return [_told(one) if isinstance(one, ImageMessage) else one for one in messages]


def _told(message: ImageMessage) -> dict[str, Any]:
    plain = Message(
        role=message.role,
        content=message.content,
        tool_calls=message.tool_calls,
        tool_call_id=message.tool_call_id,
        name=message.name,
    )
    return {**asdict(plain), "images": [image.told for image in message.images]}
