"""Engines and journals that lack one rule each, for the tests that must notice."""

from dataclasses import replace

from flowmatik.core.engine.driver import RunDriver
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended


class Hasty(RunDriver):
    """Starts effects while their intents are still on the way to the store."""

    async def _commit(self) -> bool:
        launches, self._launches = self._launches, []
        self._tenure.confirmed(self._parts.lease.term)
        for launch in launches:
            self._launch(launch.call, recovering=launch.recovering)
        return await super()._commit()


class ParksBlindly(InMemoryJournal):
    async def append(self, append: Append) -> Appended:
        seen = append.park_if_seen
        if seen is not None:
            head = await self.head(None, append.run_id)
            append = replace(append, park_if_seen=head.inbox_tail)
        return await super().append(append)
