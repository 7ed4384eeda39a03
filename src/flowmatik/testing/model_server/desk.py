"""Which step a call gets, what it runs against, and the answer that comes of it, whoever the vendor is."""

import json
import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any, Protocol

from flowmatik.testing.model_server.http import EVENTS, JSON, Answer, Call, Watch, as_bytes, json_object
from flowmatik.testing.model_server.limits import Keeper, Limits, Refused, estimated
from flowmatik.testing.model_server.prose import spoken
from flowmatik.testing.model_server.steps import Step
from flowmatik.testing.model_server.weather import Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a server is started with. `key` "" lets everybody in; `keep` is how many calls it remembers."""

    script: Sequence[Step] = (Step(),)
    embeddings: Sequence[Step] = (Step(),)
    key: str = ""
    weather: Weather = field(default_factory=Weather)
    limits: Limits = field(default_factory=Limits)
    keep: int = 100_000


class Vendor(Protocol):
    """One vendor's wire format."""

    def key_of(self, call: Call) -> str: ...

    def error(self, status: int, message: str, code: str = "") -> Answer: ...

    def overflow(self, sent: int, most_answered: int, window: int) -> Answer: ...

    def refuses(self, call: Call, body: dict[str, Any]) -> Answer | None:
        """The answer to a request that the vendor would not take, whatever the script says."""
        ...

    def whole(self, step: Step, body: dict[str, Any]) -> dict[str, Any]: ...

    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        """The events of a stream, the closing one included."""
        ...

    def error_event(self, step: Step, number: int) -> bytes:
        """The error as event `number` (from 0) of a stream."""
        ...

    def most_answered(self, body: dict[str, Any]) -> int: ...

    def limit_headers(self, keeper: Keeper) -> tuple[tuple[str, str], ...]: ...

    def common_headers(self) -> tuple[tuple[str, str], ...]: ...


class Desk:
    """The orders and the calls so far. Keys are never kept."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.script: Sequence[Step] = orders.script
        self.keeper = Keeper(orders.limits)
        self.calls: deque[dict[str, Any]] = deque(maxlen=orders.keep)
        self.embedded: deque[dict[str, Any]] = deque(maxlen=orders.keep)
        self.count = 0
        self.lock = threading.Lock()
        self.watch = Watch()
        self._taken: dict[str, int] = {}  # by `when`
        self._embeddings = 0

    def tell(self, script: Sequence[Step]) -> None:
        with self.lock:
            self.script = script
            self._taken.clear()
            self.calls.clear()

    def take(self, call: Call, body: dict[str, Any]) -> tuple[Step, float]:
        """The step for this call, or the failure that befalls it, and the seconds that it waits."""
        with self.lock:
            fault, wait = self.orders.weather.of(self.count)
            step = self._next(body) if fault is None else fault
            self.count += 1
            key = call.headers.get("idempotency-key", "")
            self.calls.append({"kind": step.kind, "idempotency_key": key, "body": body})
        return step, wait

    def _next(self, body: dict[str, Any]) -> Step:
        when = ""
        if any(step.when for step in self.script):
            whole = json.dumps(body, ensure_ascii=False)
            when = next((step.when for step in self.script if step.when and step.when in whole), "")
        steps = [step for step in self.script if step.when == when] or [Step()]
        number = self._taken.get(when, 0)
        self._taken[when] = number + 1
        return steps[min(number, len(steps) - 1)]

    def take_embedding(self, body: dict[str, Any]) -> Step:
        with self.lock:
            steps = self.orders.embeddings
            step = steps[min(self._embeddings, len(steps) - 1)]
            self._embeddings += 1
            self.embedded.append({"kind": step.kind, "body": body})
        return step

    def seen(self) -> dict[str, Any]:
        """What `/__calls` tells whoever watches."""
        with self.lock:
            return {
                "count": self.count,
                "calls": list(self.calls),
                "embeddings": list(self.embedded),
                "going": self.watch.going,
                "peak": self.watch.peak,
                "left": self.watch.left,
            }

    def lets_in(self, key: str) -> bool:
        return not self.orders.key or key == self.orders.key


def completed(desk: Desk, vendor: Vendor, call: Call) -> Answer:
    """The answer to a request for a completion."""
    body = json_object(call)
    if body is None:
        return vendor.error(400, "the body of the request is no JSON object")
    step, wait = desk.take(call, body)
    key = vendor.key_of(call)
    if not desk.lets_in(key):
        return vendor.error(401, "")
    refused = vendor.refuses(call, body) or _limited(desk, vendor, call, body)
    answer = refused or answered(vendor, step, body, key)
    headers = (*answer.headers, *vendor.common_headers(), *vendor.limit_headers(desk.keeper))
    return replace(answer, headers=headers, wait=wait + answer.wait)


def answered(vendor: Vendor, step: Step, body: dict[str, Any], key: str = "") -> Answer:
    """What the step does, without what chance and limits add."""
    text = step.text.replace("{key}", key) if step.kind == "raw" else step.text
    step = spoken(replace(step, text=text, message=step.message.replace("{key}", key)))
    answer = failed(vendor, step)
    if answer is None and body.get("stream") and step.streams == "refused":
        answer = vendor.error(400, "stream is not supported here")
    if answer is None:
        streams = body.get("stream") and step.streams == "yes"
        answer = _streamed(vendor, step, body) if streams else _in_one_piece(vendor, step, body)
    return replace(answer, headers=(*answer.headers, *step.headers), wait=step.seconds)


def failed(vendor: Vendor, step: Step) -> Answer | None:
    """What the step does instead of an answer, whatever was asked."""
    match step.kind:
        case "silent":
            return Answer(ending="hang")
        case "hung_up":
            return Answer(ending="hang_up")
        case "reset":
            return Answer(ending="reset")
        case "rate_limited" | "overloaded":
            answer = vendor.error(429 if step.kind == "rate_limited" else 529, step.message, step.code)
            return replace(answer, headers=(*answer.headers, *retry_after(step)))
        case "context_overflow":
            return vendor.overflow(208_310, 4_096, 200_000)
        case "error":
            answer = vendor.error(step.status, step.message, step.code)
            return replace(answer, headers=(*answer.headers, *retry_after(step)))
        case "malformed":
            return Answer(headers=(JSON,), parts=((0.0, b'{"id": "chatcmpl-'),))
        case "wrong_shape":
            return Answer(headers=(JSON,), parts=((0.0, as_bytes({"result": step.text})),))
        case "raw":
            return Answer(headers=(JSON,), parts=((0.0, step.text.encode("utf-8", "surrogatepass")),))
        case _:
            return None


def retry_after(step: Step) -> Iterable[tuple[str, str]]:
    """The header in the step's form (RFC 9110, 10.2.3; `retry-after-ms` is OpenAI's and Azure's own)."""
    if step.retry_after is None:
        return ()
    if step.retry_form == "ms":
        return (("retry-after-ms", f"{step.retry_after * 1000:g}"),)
    if step.retry_form == "date":
        return (("retry-after", formatdate(time.time() + step.retry_after, usegmt=True)),)
    return (("retry-after", f"{step.retry_after:g}"),)


def cut(whole: bytes, step: Step) -> bytes:
    return whole[: int(len(whole) * step.cut_at)]


def _limited(desk: Desk, vendor: Vendor, call: Call, body: dict[str, Any]) -> Answer | None:
    """What a call beyond the server's own limits is told."""
    limits = desk.orders.limits
    sent, most = estimated(len(call.body)), vendor.most_answered(body)
    if limits.context and sent + most > limits.context:
        return vendor.overflow(sent, most, limits.context)
    with desk.lock:
        refused: Refused | None = desk.keeper.refused(sent + most, desk.watch.going)
    if refused is None:
        return None
    answer = vendor.error(
        429, f"the limit of {refused.what} is reached; try again in {refused.seconds:.3f} s"
    )
    return replace(answer, headers=(*answer.headers, *_until(refused.seconds)))


def _until(seconds: float) -> tuple[tuple[str, str], ...]:
    return (("retry-after", str(math.ceil(seconds))), ("retry-after-ms", f"{seconds * 1000:.0f}"))


def _in_one_piece(vendor: Vendor, step: Step, body: dict[str, Any]) -> Answer:
    if step.kind == "stream_error":
        return vendor.error(step.status, step.message, step.code)
    whole = as_bytes(vendor.whole(step, body))
    if step.kind == "truncated":
        part = cut(whole, step)
        return Answer(headers=(JSON,), parts=((0.0, part),), ending="cut", missing=len(whole) - len(part))
    if step.kind in ("cut_json", "bad_chunk"):
        whole = cut(whole, step)
    return Answer(headers=(JSON,), parts=((0.0, whole),))


def _streamed(vendor: Vendor, step: Step, body: dict[str, Any]) -> Answer:
    events = vendor.events(step, body)
    place = int(len(events) * step.cut_at)
    sent = events
    if step.kind in ("truncated", "cut_json"):
        sent = events[:place]
    elif step.kind == "bad_chunk":
        sent = [*events[:place], _spoilt(events[min(place, len(events) - 1)]), *events[place:]]
    elif step.kind == "stream_error":
        sent = [*events[:place], vendor.error_event(step, place)]
    waits = (step.first_seconds, step.piece_seconds)
    parts = tuple((waits[min(n, 1)], event) for n, event in enumerate(sent))
    ending = "cut" if step.kind == "truncated" else "whole"
    return Answer(headers=(EVENTS,), parts=parts, streamed=True, ending=ending)


def _spoilt(event: bytes) -> bytes:
    """A piece that cannot be read, named as this one is: who gets names passes over pieces without."""
    name, data, _ = event.partition(b"data:")
    return (name if data else b"") + b'data: {"id": "chat\n\n'
