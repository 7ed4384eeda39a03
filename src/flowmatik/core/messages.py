"""How a run that is on is told what a person says to its conversation: an input in its inbox."""

from collections.abc import Sequence

from flowmatik.contracts.threads import ThreadMessage
from flowmatik.core.engine.gate import Gate
from flowmatik.core.journal.port import Journal
from flowmatik.kernel import canonical


class RunMessages:
    def __init__(self, journal: Journal, engine: Gate) -> None:
        self._journal = journal
        self._engine = engine

    async def tell(self, run_id: str, message: ThreadMessage, earlier: Sequence[int] = ()) -> None:
        """Once, however often: the run takes the message in (`MessageReceived`), or has gone past it, or past
        one of `earlier`, which wait with it: they are answered in the order in which they were said."""
        thread, number = message.thread_id, message.number
        body = {
            "thread": thread,
            "number": number,
            "text": message.text,
            "author": message.author,
            "earlier": [*earlier],
        }
        await self._journal.post(run_id, f"message:{thread}:{number}", "message", canonical.dumps(body))
        self._engine.nudge(run_id)
