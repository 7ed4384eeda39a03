"""The vectors of a workspace's passages, in one matrix that grows.

A change of a few passages writes a few rows and copies nothing: at a hundred thousand passages the matrix has
150 MB. Snapshots of neighbouring revisions share it; each says in which of its rows its passages are.
"""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Row

_SPARE = 1.2  # rows kept free for what comes; pages of memory that nobody has written to are not taken
_FEW = 4  # one row of so many: then they are gathered before they are multiplied
_IDLE = 4  # when one row of so many is free again, the matrix is made anew

Vectors = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class _Matrix:
    """Row 0 is zero, for passages without a vector."""

    def __init__(self, rows: int, dimension: int) -> None:
        self.values = np.zeros((int(rows * _SPARE) + 64, dimension), dtype=np.float32)
        self.used = 1
        self.idle = 0
        self.lock = threading.Lock()

    def add(self, vectors: Vectors) -> Ints:
        """Where they are. Two who add at a time get rows of their own."""
        with self.lock:
            first, self.used = self.used, self.used + len(vectors)
            if self.used > len(self.values):  # older snapshots keep the old one
                grown = np.zeros((int(self.used * _SPARE), self.values.shape[1]), dtype=np.float32)
                grown[:first] = self.values[:first]
                self.values = grown
            self.values[first : self.used] = vectors
            return np.arange(first, self.used)


class VectorRows:
    """Of the passages of a snapshot, in its order; multiplied with a question's vector they give a cosine for
    each, 0 for one without a vector."""

    def __init__(self, matrix: _Matrix, places: Ints) -> None:
        self._matrix = matrix
        self._values = matrix.values
        self._used = matrix.used
        self._places = places

    @classmethod
    def none(cls, count: int, dimension: int) -> "VectorRows":
        """For so many passages, none of which has one yet."""
        return cls(_Matrix(count, dimension), np.zeros(count, dtype=np.int64))

    def __len__(self) -> int:
        return len(self._places)

    def __matmul__(self, query: Vectors) -> Vectors:
        if len(self._places) * _FEW < self._used:
            return self._values[self._places] @ query
        return (self._values[: self._used] @ query)[self._places]

    def __getitem__(self, kept: npt.NDArray[np.bool_]) -> "VectorRows":
        """Those passages alone. Nothing is copied."""
        found = VectorRows(self._matrix, self._places[kept])
        found._values, found._used = self._values, self._used
        return found

    @property
    def lacking(self) -> npt.NDArray[np.bool_]:
        """Which passages have none."""
        return self._places == 0

    def any(self) -> bool:
        return bool(self._places.any())

    def moved(self, kept: npt.NDArray[np.bool_], at: Ints, count: int) -> "VectorRows":
        """Among `count` passages those that are `kept` now stand at `at`; nobody else has a vector yet. What
        the others had is overwritten with zeros at once."""
        matrix, mine = self._matrix, self._places[kept]
        gone = self._places[~kept]
        gone = gone[gone > 0]
        matrix.values[gone] = 0.0
        matrix.idle += len(gone)
        if matrix.idle * _IDLE > matrix.used:
            matrix = _Matrix(count, matrix.values.shape[1])
            had = mine > 0
            mine[had] = matrix.add(self._values[mine[had]])
        places = np.zeros(count, dtype=np.int64)
        places[at] = mine
        return VectorRows(matrix, places)

    def filled(self, wanted: Ints, numbers: Ints, found: Sequence[Row]) -> "VectorRows":
        """With the vectors of `found` (number and bytes) for those that are `wanted` of the passages, whose
        `numbers` are in order. Bytes of another length than a vector's are none."""
        width = self._values.shape[1] * 4
        whole = [(int(number), blob) for number, blob in found if len(blob) == width]
        named = np.array([number for number, _ in whole], dtype=np.int64)
        known = np.isin(named, wanted)
        if not known.any():
            return self
        rows = np.frombuffer(b"".join([bytes(blob) for _, blob in whole]), dtype="<f4")
        places = self._places.copy()
        added = self._matrix.add(rows.reshape(len(whole), -1)[known])
        places[np.searchsorted(numbers, named[known])] = added
        return VectorRows(self._matrix, places)
