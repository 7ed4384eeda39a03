"""Links between double brackets, as wikis write them: `[[file]]` and `[[folder/file]]` mean the nearest file
of that name in the same source, and `[[title]]` what is called so where no file is."""

import posixpath
from collections.abc import Iterable, Sequence

from flowmatik.memory.graph.keys import key_of

WITHIN = "place:**/"  # begins the key of a file in a folder that may lie anywhere in its source
_NOTES = (".md", ".markdown")
_MOST_FOLDERS = 20


def page_key(written: str) -> str:
    """Of what stands between the brackets; that of a title where no folder is named."""
    parts = [part for part in written.split("/") if part]
    if len(parts) < 2:
        return key_of(written.strip("/"))
    keys = [key_of(part) for part in parts]
    return f"{WITHIN}{'/'.join(keys)}" if all(keys) else ""


def keys_of(path: str) -> tuple[str, ...]:
    """Those by which the file may be meant."""
    *folders, name = [part for part in path.split("/") if part]
    found: list[str] = []
    for called in _names(name):
        found += [
            page_key("/".join((*folders[-count:], called)) if count else called)
            for count in range(min(len(folders), _MOST_FOLDERS) + 1)
        ]
    return tuple(filter(None, dict.fromkeys(found)))


def _names(file: str) -> tuple[str, str]:
    return posixpath.splitext(file)[0], file


def is_page(key: str) -> bool:
    """Whether a link that leads there was written between brackets; places and addresses were not."""
    return key.startswith(WITHIN) or not (key.startswith("place:") or "://" in key)


class Pages:
    """The paths of documents that links with the keys `wanted` may mean."""

    def __init__(self, paths: Iterable[str], wanted: Iterable[str]) -> None:
        self._called: dict[str, list[str]] = {key: [] for key in wanted}
        names = {key.rpartition("/")[2] for key in self._called}
        for path in paths:
            if any(key_of(name) in names for name in _names(posixpath.basename(path))):
                for key in keys_of(path):
                    if key in self._called:
                        self._called[key].append(path)

    def meant(self, key: str, by: str, root: str) -> str | None:
        """The one that a link with that key in the document `by` means, whose source is the folder `root`."""
        found = [one for one in self._called.get(key, ()) if one != by and one.startswith(f"{root}/")]
        return min(found, key=lambda one: _far(one, by)) if found else None


def _far(path: str, origin: str) -> tuple[int, int, bool, str]:
    there, here = path.split("/")[:-1], origin.split("/")[:-1]
    shared = _shared(there, here)
    steps = len(there) + len(here) - 2 * shared
    return steps, len(there), not path.endswith(_NOTES), path


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
