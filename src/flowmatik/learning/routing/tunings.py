"""Classifiers that are being tuned beside what goes on."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.memory import Embedder, TunableEmbedder
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.learning.routing.classifier import Classifier, Samples
from flowmatik.learning.routing.encoder import Encoder, encoder_of

log = logging.getLogger(__name__)


class Tunings:
    """One after another, since each takes all cores. Decisions go on by classifiers as they are meanwhile."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._encoder: Encoder | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._stopped = threading.Event()

    def start(self, classifier: Classifier, samples: Samples, labels: Sequence[str]) -> None:
        """Nothing is done where there are no tokens to learn from."""
        if samples.tokens is None or self._stopped.is_set():
            return
        task = asyncio.create_task(self._tune(classifier, samples, labels))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """What is under way stops at its next step."""
        self._stopped.set()
        await self.settled()

    async def _tune(self, classifier: Classifier, samples: Samples, labels: Sequence[str]) -> None:
        known: Any = self._embedder
        async with self._turn:
            if self._stopped.is_set() or not isinstance(known, TunableEmbedder):
                return
            try:
                if self._encoder is None:
                    self._encoder = await asyncio.to_thread(encoder_of, await known.last_layers())
            except FlowmatikError as error:
                log.warning("a router's classifier stays as it is", extra={"error": error.code})
                return
            stopped = self._stopped.is_set
            await asyncio.to_thread(classifier.tune, self._encoder, samples, labels, stopped)
