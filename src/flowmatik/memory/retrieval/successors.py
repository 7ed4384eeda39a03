"""Who finds what no longer holds finds what holds now."""

import numpy as np
import numpy.typing as npt

from flowmatik.memory.loading import Snapshot

Floats = npt.NDArray[np.float64]


def with_successors(order: list[int], total: Floats, snapshot: Snapshot) -> list[int]:
    """Before a passage of a document that another one replaces stands the best of that other one, with
    the same score (`total` is changed). As many as before: the passages that are replaced make room, of
    each document the first one last."""
    found: list[int] = []
    replaced: dict[int, list[int]] = {}
    for i in order:
        document = int(snapshot.documents[i])
        newer = snapshot.names.successors.get(document)
        if newer is None:
            found.append(i)
            continue
        theirs = np.flatnonzero(snapshot.documents == newer)
        if total[i] > 0 and len(theirs):
            replaced.setdefault(document, []).append(i)
            best = int(theirs[np.argmax(total[theirs])])
            if best not in found and best not in order:
                total[best] = total[i]
                found.append(best)
        found.append(i)
    again = [i for passages in replaced.values() for i in passages[1:]]
    for i in sorted(again, key=order.index, reverse=True)[: len(found) - len(order)]:
        found.remove(i)
    return found[: len(order)]
