"""Names that the user supplies: products, people, places that a text may write in any case."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flowmatik.memory.graph.keys import key_of

_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    """`keys`: the entity of each folded surface. `longest`: of how many words the longest surface is."""

    keys: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    longest: int = 0

    @classmethod
    def of(cls, names: Mapping[str, Sequence[str]]) -> "Gazetteer":
        """`names`: canonical names with their other names. Where two share a surface, the first has it."""
        keys: dict[str, str] = {}
        for name, aliases in names.items():
            for surface in (name, *aliases):
                if key_of(surface):
                    keys.setdefault(key_of(surface), key_of(name))
        return cls(keys=keys, longest=max((len(key.split()) for key in keys), default=0))

    def found(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Entity, start and end of each name in `text`, the longest at each place."""
        if not self.keys:
            return
        spans = [(match.start(), match.end()) for match in _TOKEN.finditer(text)]
        at = 0
        while at < len(spans):
            for words in range(min(self.longest, len(spans) - at), 0, -1):
                start, end = spans[at][0], spans[at + words - 1][1]
                entity = self.keys.get(key_of(text[start:end]))
                if entity is not None:
                    yield entity, start, end
                    at += words - 1
                    break
            at += 1
