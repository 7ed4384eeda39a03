"""Pictures that people show to models: their bytes go to the provider alone. What is kept, hashed or told of
them is their SHA-256.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.pictures import picture_in

MEDIA_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_BYTES = 5 * 1024 * 1024  # of one picture; the least that any of the vendors takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """As `image_of` makes it. `width` and `height` in pixels."""

    media_type: str
    sha256: str
    width: int
    height: int
    data: bytes = field(repr=False)

    @property
    def told(self) -> dict[str, Any]:
        """What others may know of it."""
        return {"media_type": self.media_type, "sha256": self.sha256, "bytes": len(self.data)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMessage(Message):
    """What a person says, with pictures beside it. A Message of its own kind, so that others are written and
    hashed as they were before there were any."""

    images: tuple[Image, ...] = ()


def image_of(data: bytes) -> Image:
    """Raises InvalidInput (`input.image`, `input.image_size`)."""
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
    return Image(
        media_type=found.media_type,
        sha256=sha256(data).hexdigest(),
        width=found.width,
        height=found.height,
        data=data,
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
