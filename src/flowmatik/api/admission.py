"""How many requests are at work at once. What comes on top is told so at once, rather than be kept waiting
with all the others: a gateway that is overrun goes on answering those it has let in."""

from dataclasses import dataclass, field

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from flowmatik.api.problems import problem
from flowmatik.api.services import services
from flowmatik.kernel.errors import Unavailable

EXEMPT = ("/health/", "/metrics")  # whoever watches the gateway must see that it is full
AGAIN_SECONDS = 1
KEY = "flowmatik.place"


@dataclass(slots=True, kw_only=True)
class Counts:
    """Requests under way, and of those apart the streams, which last for as long as a run."""

    in_flight: int = 0
    streams: int = 0


@dataclass(slots=True, kw_only=True)
class _Place:
    counts: Counts = field(repr=False)
    streams: bool = False

    def leave(self) -> None:
        if self.streams:
            self.counts.streams -= 1
        else:
            self.counts.in_flight -= 1


class Admission:
    """The middleware. Answers 503 with Retry-After when `max_in_flight` requests are under way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counts = Counts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(EXEMPT):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limit = services(request).max_in_flight
        if self._counts.in_flight >= limit:
            detail = f"{limit} requests are under way, as many as this gateway takes at once; try again soon"
            extra = {"retry_after": AGAIN_SECONDS}
            values = {"limit": limit}
            told = problem(request, 503, "unavailable.requests", detail, values=values, extra=extra)
            await told(scope, receive, send)
            return
        self._counts.in_flight += 1
        place = scope[KEY] = _Place(counts=self._counts)
        try:
            await self._app(scope, receive, send)
        finally:
            place.leave()


def counted_as_stream(request: Request) -> None:
    """From now on the request is one of the streams. Raises Unavailable (`unavailable.streams`) when there
    are `max_streams`."""
    place: _Place | None = request.scope.get(KEY)
    if place is None or place.streams:
        return
    limit = services(request).max_streams
    if place.counts.streams >= limit:
        raise Unavailable(
            f"{limit} streams of events are open, as many as this gateway takes at once; try again soon",
            code="unavailable.streams",
            context={"limit": limit, "retry_after": AGAIN_SECONDS},
        )
    place.counts.in_flight -= 1
    place.counts.streams += 1
    place.streams = True
