"""Texts of about the same length, put side by side for a model that runs here."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

BATCH = 32
Ints = npt.NDArray[np.int64]


def batches(tokens: Sequence[Sequence[int]], padding: int = 0) -> Iterator[tuple[list[int], Ints, Ints]]:
    """The places of some texts, their tokens in a row each, and 1 where there is one."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    for first in range(0, len(order), BATCH):
        places = order[first : first + BATCH]
        shape = (len(places), max(len(tokens[place]) for place in places))
        ids = np.full(shape, padding, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, place in enumerate(places):
            count = len(tokens[place])
            ids[row, :count] = tokens[place]
            mask[row, :count] = 1
        yield places, ids, mask
