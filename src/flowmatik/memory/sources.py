"""Names of documents, and what a document means when it names another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from flowmatik.memory.language import fold


@dataclass(frozen=True, kw_only=True)
class Names:
    """Parallel: the source names of a workspace and their titles. `successors`: the place of the
    document that says it replaces another one, by that one's place."""

    sources: tuple[str, ...]
    titles: tuple[str, ...]
    successors: Mapping[int, int] = field(default_factory=lambda: dict[int, int]())

    @cached_property
    def places(self) -> Mapping[str, int]:
        return {source: place for place, source in enumerate(self.sources) if source}


def with_successors(names: Names, said: Sequence[Sequence[str]]) -> Names:
    """`said`: what each document says that it replaces."""
    found: dict[int, int] = {}
    for n, (source, replaced) in enumerate(zip(names.sources, said, strict=True)):
        for older in resolve_replaces(source, replaced, names):
            if names.places.get(older, n) != n:
                found[names.places[older]] = n
    return replace(names, successors=found)


def resolve_replaces(source: str, said: Sequence[str], names: Names) -> tuple[str, ...]:
    """The source names that `source` says it replaces: a path beside it, else the one document of
    that file name or title, else the words as they stand."""
    return tuple(dict.fromkeys(_resolve(source, name, names) for name in said))


def _resolve(source: str, name: str, names: Names) -> str:
    beside = (PurePosixPath(source).parent / name).as_posix()
    for exact in (beside, name):
        if exact in names.sources:
            return exact
    file_name = PurePosixPath(name).name
    same_name = [s for s in names.sources if PurePosixPath(s).name == file_name and s != source]
    wanted = fold(name)
    same_title = [
        s
        for s, title in zip(names.sources, names.titles, strict=True)
        if fold(title) == wanted and s != source
    ]
    for candidates in (same_name, same_title):
        if len(candidates) == 1:
            return candidates[0]
    return name
