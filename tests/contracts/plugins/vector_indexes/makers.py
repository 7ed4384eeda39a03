"""Each vector index in turn, as its contract needs it: opened in a folder, and once more as another process
would have it."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.testing.pinecone_server import PineconeServer
from flowmatik.testing.weaviate_server import WeaviateServer
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION
from tests.contracts.plugins.vector_indexes.pooled import by_hnsw, exactly
from tests.contracts.plugins.vector_indexes.served import served


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """`make` in a folder, or `serve` with an emulator. `tolerance` of cosines; `shared`: a second process
    may have them open."""

    name: str
    make: Callable[[Path], VectorIndex] | None = None
    serve: Callable[[], AbstractContextManager[Callable[[], VectorIndex]]] | None = None
    tolerance: float = 1e-5
    shared: bool = True

    def made(self, folder: Path) -> VectorIndex:
        assert self.make is not None
        return self.make(folder)


def _sqlite(numbers: str) -> Callable[[Path], VectorIndex]:
    return lambda folder: load_vector_index(
        "sqlite_exact", {"path": str(folder / "vectors.db"), "numbers": numbers}
    )


@contextmanager
def _pinecone() -> Generator[Callable[[], VectorIndex]]:
    """What is written is found later, and filtered queries give less than there is unless they ask deeper."""
    server = PineconeServer(api_key="pc-key", dimension=DIMENSION + 2, delay=0.01, shy=0.7)
    with served(server.app()) as url:
        given = {"host": url, "api_key": "pc-key", "timeout_seconds": 60}
        yield lambda: load_vector_index("pinecone", given)


@contextmanager
def _weaviate() -> Generator[Callable[[], VectorIndex]]:
    """Deletions take a few at once."""
    server = WeaviateServer(api_key="wv-key", most_deleted=4)
    with served(server.app()) as url:
        given = {"url": url, "api_key": "wv-key", "timeout_seconds": 60}
        yield lambda: load_vector_index("weaviate", given)


MAKERS = (
    Maker(name="sqlite_exact", make=_sqlite("float32")),
    Maker(name="sqlite_exact_int8", make=_sqlite("int8")),
    Maker(
        name="milvus_lite",
        make=lambda folder: load_vector_index(
            "milvus", {"path": str(folder / "milvus"), "timeout_seconds": 60}
        ),
        shared=False,
    ),
    Maker(name="pinecone", serve=_pinecone),
    Maker(name="weaviate", serve=_weaviate),
    Maker(name="pgvector", serve=exactly),
    Maker(name="pgvector_hnsw", serve=by_hnsw),
)
IN_FILES = tuple(maker for maker in MAKERS if maker.make is not None)
