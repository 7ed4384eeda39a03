"""The best of many scores without sorting all of them."""

import numpy as np
import numpy.typing as npt


def foremost(scores: npt.NDArray[np.float64], count: int) -> list[int]:
    """The places of the `count` best scores above 0, best first; of equal ones the earlier place, as a stable
    sort of everything would give."""
    places = np.flatnonzero(scores > 0)
    if len(places) > count:
        among = scores[places]
        least = np.partition(among, len(among) - count)[len(among) - count]
        places = places[among >= least]
    order = np.argsort(-scores[places], kind="stable")[:count]
    return places[order].tolist()
