"""`maker` and `index`: each vector index in turn. Opening an engine may take a second, so that the tests of a
run share one, which is empty at the start of each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from flowmatik.contracts.vector_indexes import VectorIndex
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER
from tests.contracts.plugins.vector_indexes.makers import IN_FILES, MAKERS, Maker

WS = "default"
OTHER = "another"


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.name, scope="session")
def maker(request: pytest.FixtureRequest) -> Maker:
    return request.param


@pytest.fixture(scope="session")
def engine(
    maker: Maker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VectorIndex | Callable[[], VectorIndex]]:
    """Of an emulator how to connect to it, because connections belong to a test's event loop."""
    if maker.serve is not None:
        with maker.serve() as connect:
            yield connect
    else:
        made = maker.made(tmp_path_factory.mktemp(maker.name))
        yield made
        asyncio.run(made.close())


@pytest.fixture
async def index(engine: VectorIndex | Callable[[], VectorIndex]) -> AsyncIterator[VectorIndex]:
    index = engine() if callable(engine) else engine
    await index.prepare(WS, EMBEDDER, DIMENSION)
    yield index
    for workspace in (WS, OTHER):
        await index.drop(workspace)
    if callable(engine):
        await index.close()


@pytest.fixture(params=IN_FILES, ids=lambda maker: maker.name)
def in_files(request: pytest.FixtureRequest) -> Maker:
    return request.param


@pytest.fixture
async def own(in_files: Maker, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    """One whose files are in `tmp_path`."""
    made = in_files.made(tmp_path)
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.close()
