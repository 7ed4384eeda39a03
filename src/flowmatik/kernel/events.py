"""CloudEvents 1.0 envelope and the event-bus port.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One fact. `id` is `<run_id>:<seq>` for journal events; `time` is RFC 3339 text."""

    id: str
    source: str
    type: str
    time: str
    subject: str
    workspace_id: str
    data: dict[str, Any]
    seq: int = 0
    traceparent: str = ""
    specversion: str = field(default="1.0", init=False)
    datacontenttype: str = field(default="application/json", init=False)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "CloudEvent":
        """What `to_json` wrote. Raises KeyError for what lacks a part of it."""
        return cls(
            id=body["id"],
            source=body["source"],
            type=body["type"],
            time=body["time"],
            subject=body["subject"],
            workspace_id=body["workspaceid"],
            seq=body["seq"],
            data=body["data"],
            traceparent=body.get("traceparent", ""),
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON event format; extension attributes are `workspaceid`, `seq`, and `traceparent` of the
        distributed tracing extension: the trace of whoever started the run."""
        body: dict[str, Any] = {
            "specversion": self.specversion,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "subject": self.subject,
            "datacontenttype": self.datacontenttype,
            "workspaceid": self.workspace_id,
            "seq": self.seq,
            "data": self.data,
        }
        if self.traceparent:
            body["traceparent"] = self.traceparent
        return body


Handler = Callable[[CloudEvent], Awaitable[None]]


class EventBus(Protocol):
    """At-least-once delivery, ordered per subject; handlers must be idempotent."""

    def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        types: frozenset[str] | None = None,
        durable: bool = True,
        ordered: bool = True,
    ) -> None:
        """`types` None means all.

        `durable`: `name` identifies the subscriber across restarts and processes. From its first start on
        it gets every event, also those of times when no process had it; what it refuses becomes a dead
        letter. A name that was never seen before begins there: it gets what has not been relayed yet, and
        no history. Otherwise it hears what passes while it is there, and what it refuses is only logged;
        over Redis it does so in every process that has it, best effort.

        `ordered`: after an event that it refuses, the later ones of that run wait until redrive. Otherwise
        they go on, each event that it refuses being a dead letter of its own."""
        ...

    def observe(self, name: str, handler: Handler, *, types: frozenset[str] | None = None) -> None:
        """Not durable either, and heard in one process alone of all that observe under this name, so that
        what they count adds up. Best effort, at most once, without order between processes: one that dies
        takes along what it was about to hear."""
        ...

    async def publish(self, event: CloudEvent) -> None:
        """Deliver to every subscriber; raises what a handler raised, after all were tried."""
        ...
