"""`maker` and `index`: each vector index in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.contracts.vector_indexes import VectorIndex
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER
from tests.contracts.plugins.vector_indexes.makers import MAKERS, Maker

WS = "default"


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.name)
def maker(request: pytest.FixtureRequest) -> Maker:
    return request.param


@pytest.fixture
async def index(maker: Maker, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    made = maker.make(tmp_path)
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.close()
