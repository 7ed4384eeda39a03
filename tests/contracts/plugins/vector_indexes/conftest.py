"""`maker` and `index`: each vector index in turn. Opening an engine may take a second, so that the tests of a
run share one, which is empty at the start of each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flowmatik.contracts.vector_indexes import VectorIndex
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER
from tests.contracts.plugins.vector_indexes.makers import MAKERS, Maker

WS = "default"
OTHER = "another"


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.name, scope="session")
def maker(request: pytest.FixtureRequest) -> Maker:
    return request.param


@pytest.fixture(scope="session")
def engine(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VectorIndex]:
    made = maker.make(tmp_path_factory.mktemp(maker.name))
    yield made
    asyncio.run(made.close())


@pytest.fixture
async def index(engine: VectorIndex) -> AsyncIterator[VectorIndex]:
    await engine.prepare(WS, EMBEDDER, DIMENSION)
    yield engine
    for workspace in (WS, OTHER):
        await engine.drop(workspace)


@pytest.fixture
async def own(maker: Maker, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    """One whose files are in `tmp_path`."""
    if not maker.files:
        pytest.skip("keeps no files here")
    made = maker.make(tmp_path)
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.close()
