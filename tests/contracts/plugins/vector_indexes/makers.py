"""Each vector index in turn, as its contract needs it: opened in a folder, and once more as another process
would have it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.memory.vector_indexes.choosing import load_vector_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """`tolerance` of cosines; `files`: it keeps its data in the folder; `shared`: a second process may have
    them open."""

    name: str
    make: Callable[[Path], VectorIndex]
    tolerance: float = 1e-5
    files: bool = True
    shared: bool = True


def _sqlite(numbers: str) -> Callable[[Path], VectorIndex]:
    return lambda folder: load_vector_index(
        "sqlite_exact", {"path": str(folder / "vectors.db"), "numbers": numbers}
    )


MAKERS = (
    Maker(name="sqlite_exact", make=_sqlite("float32")),
    Maker(name="sqlite_exact_int8", make=_sqlite("int8"), tolerance=0.01),
    Maker(
        name="milvus_lite",
        make=lambda folder: load_vector_index("milvus", {"path": str(folder / "milvus")}),
        shared=False,
    ),
)
