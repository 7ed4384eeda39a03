"""Looks at the pictures of a request as vendors do: their form, their Base64, and whether they are what they
say."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, cast

from flowmatik.kernel.pictures import picture_in

_DATA = re.compile(r"data:(?P<kind>[a-z/]+);base64,(?P<data>.*)", re.DOTALL)


def picture_fault(body: dict[str, Any]) -> str:
    """What is wrong with one, "" for nothing. Pictures at addresses are not fetched, and refused."""
    for kind, data in _pictures(body):
        try:
            found = picture_in(base64.b64decode(data, validate=True))
        except binascii.Error:
            return "the image data is not valid base64"
        if found is None:
            return "you uploaded an unsupported image"
        if found.media_type != kind:
            return f"the image was said to be {kind}, and appears to be {found.media_type}"
    return ""


def _pictures(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Media type and Base64 of each: of chat completions, responses and messages."""
    for message in cast("list[Any]", body.get("messages") or body.get("input") or []):
        content = cast("dict[str, Any]", message).get("content") if isinstance(message, dict) else None
        for part in cast("list[Any]", content) if isinstance(content, list) else []:
            if isinstance(part, dict):
                yield from _picture(cast("dict[str, Any]", part))


def _picture(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    match part.get("type"):
        case "image_url":
            yield _inline(str(part["image_url"].get("url")))
        case "input_image":
            yield _inline(str(part.get("image_url")))
        case "image":
            source: dict[str, Any] = part.get("source") or {}
            yield str(source.get("media_type")), str(source.get("data"))
        case _:
            return


def _inline(address: str) -> tuple[str, str]:
    match = _DATA.fullmatch(address)
    return (match["kind"], match["data"]) if match else ("an address", "")
