"""What the engine needs of a bus, whether its subscribers are in this process or in any."""

from typing import Protocol

from flowmatik.kernel.events import EventBus


class Relay(EventBus, Protocol):
    async def register(self) -> None:
        """From now on nothing is relayed without the durable subscribers that are here."""
        ...

    def wake(self) -> None:
        """Something was appended."""
        ...

    async def pump(self) -> None:
        """Relay, and see to the subscribers here; called again whenever it returns or raises."""
        ...

    async def drain(self) -> None:
        """Relay what there is, and hand to the subscribers here what they can have."""
        ...

    async def release(self) -> None:
        """At the end of the process: others may go on at once."""
        ...

    async def redrive(self, subscriber_name: str, run_id: str) -> int | None:
        """Hand what a subscriber refused of a run to it again, then what was parked behind it; how many
        events were handled. None: the subscriber is not at work here, or another process sees to it, and
        finds this request in the journal."""
        ...
