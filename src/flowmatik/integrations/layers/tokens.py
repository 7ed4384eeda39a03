"""How many tokens a text has, without the model's own vocabulary.

Vocabularies would have to be downloaded, and differ from model to model. So text is measured: three bytes
of Latin letters and spaces are one token, a digit or a sign is one, of other scripts two bytes are one, and
of what looks like random characters (Base64) three of four. Beside three real vocabularies (cl100k,
DeepSeek's, Claude's of 2023) that was never too low on Markdown, code, Spanish, JSON, SQL, CSV, hexadecimal
digits, Russian, Chinese, Japanese, Arabic and Base64, and mostly 1.2 to 1.8 times what was there (newer
vocabularies need a third of it for Chinese). Whoever sends many requests to one model learns its measure
from what it says that they used.
"""

import json
import re
from collections import deque
from typing import Any

from flowmatik.contracts.images import ImageMessage
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.vision import image_tokens

PER_MESSAGE = 8  # what marks a message's begin, end and role
PER_REQUEST = 16
_DENSE = re.compile(r"[^\sA-Za-z\u0080-\U0010ffff]")
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_PICTURE = re.compile(r"[\U00010000-\U0010ffff]")  # four bytes, and often three tokens


def tokens_in(text: str) -> int:
    """An estimate, rather too high."""
    random = 0
    if runs := _RANDOM.findall(text):
        random = sum(map(len, runs)) * 3 // 4
        text = _RANDOM.sub("", text)
    size = len(text.encode("utf-8", "surrogatepass"))
    dense = len(_DENSE.findall(text))
    if size == len(text):
        return random + dense + -(-(size - dense) // 3)
    plain, pictures = len(text.encode("ascii", "ignore")), len(_PICTURE.findall(text))
    return random + dense + -(-(plain - dense) // 3) + -(-(size - plain) // 2) + pictures


def tokens_of(message: Message) -> int:
    called = sum(tokens_in(call.name + (call.raw or _json(call.arguments))) for call in message.tool_calls)
    seen = sum(image_tokens(one, "") for one in message.images) if isinstance(message, ImageMessage) else 0
    return PER_MESSAGE + tokens_in(message.content) + called + seen


def prompt_tokens(request: ModelRequest) -> int:
    """Of all that is sent, an estimate."""
    return fixed_tokens(request) + sum(tokens_of(message) for message in request.messages)


def fixed_tokens(request: ModelRequest) -> int:
    """Of what is sent beside the messages."""
    tools = sum(tokens_in(t.name + t.description + _json(t.parameters)) for t in request.tools)
    schema = tokens_in(_json(request.output_schema)) if request.output_schema else 0
    return PER_REQUEST + tools + schema


class Measure:
    """What a model's real numbers are to our estimates. Before it is known, they are taken as they are."""

    LEAST_TOKENS = 200  # of fewer, the share of what is added around them is too large
    LEAST, MOST = 0.25, 4.0  # beyond these the number is wrong, not the estimate
    MARGIN = 1.1

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=16)

    def learn(self, estimated: int, real: int) -> None:
        if estimated >= self.LEAST_TOKENS and self.LEAST <= real / estimated <= self.MOST:
            self._seen.append(real / estimated)

    def forget(self) -> None:
        """It was wrong."""
        self._seen.clear()

    def corrected(self, estimated: int) -> int:
        """By the worst that was seen lately, and a margin."""
        if not self._seen:
            return estimated
        return round(estimated * max(self._seen) * self.MARGIN)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
