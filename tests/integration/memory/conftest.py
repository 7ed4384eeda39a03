from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.memory import StoredMemory, build_memory
from tests.integration.memory.support import StandingClock, WordEmbedder


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
async def memory(tmp_path: Path, embedder: WordEmbedder) -> AsyncIterator[StoredMemory]:
    built = build_memory(tmp_path / "home" / "memory.db", embedder=embedder, clock=StandingClock())
    yield built
    await built.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    place.mkdir()
    return place
