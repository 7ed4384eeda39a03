"""Gets the bytes of pictures that a request only tells of, just before it is sent."""

from dataclasses import replace

from flowmatik.contracts.images import Image, ImageMessage, images_of
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.core.engine.library import Library


async def with_bytes(request: ModelRequest, library: Library, workspace_id: str) -> ModelRequest:
    """A store that is away is waited for. Raises NotFound (`not_found.blob`), and EngineError for what is
    damaged."""
    if not images_of(request):
        return request
    got: dict[str, bytes] = {}
    for image in images_of(request):
        if not image.data and image.sha256 not in got:
            got[image.sha256] = await library.bytes_of(workspace_id, image.sha256)
    return replace(request, messages=tuple(_filled(one, got) for one in request.messages))


def _filled(message: Message, got: dict[str, bytes]) -> Message:
    if not isinstance(message, ImageMessage):
        return message
    return replace(message, images=tuple(_whole(one, got) for one in message.images))


def _whole(image: Image, got: dict[str, bytes]) -> Image:
    return image if image.data else replace(image, data=got[image.sha256])
