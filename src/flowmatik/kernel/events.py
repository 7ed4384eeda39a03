"""CloudEvents 1.0 envelope and the event-bus port.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from collections.abc import Awaitable, Callable
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

    def to_json(self) -> dict[str, Any]:
        """The JSON event format; extension attributes are `workspaceid`, `seq`, `traceparent`."""
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

    def subscribe(self, name: str, handler: Handler, *, types: frozenset[str] | None = None) -> None:
        """`name` identifies the subscriber across restarts; `types` None means all."""
        ...

    async def publish(self, event: CloudEvent) -> None:
        """Deliver to every subscriber; raises what a handler raised, after all were tried."""
        ...
