"""Finding runs: what every store must promise."""

import unicodedata
from dataclasses import dataclass
from typing import Protocol

from flowmatik.core.journal.records import RunHead

FOLDED_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFilter:
    """Heads for which everything that is given holds: one of `statuses`, all of `tags`, created in
    [`since`, `until`) as the journal writes times, each of the `words` (folded) at the beginning of a word
    of the goal."""

    statuses: tuple[str, ...] = ()
    agent: str = ""
    tags: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    words: tuple[str, ...] = ()
    parent: str = ""


class HeadSearch(Protocol):
    async def find_heads(
        self, workspace_id: str, wanted: HeadFilter, *, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        """Newest first, with their tags; `before` is (created_at, run_id) of the last one seen."""
        ...

    async def list_heads(
        self, workspace_id: str, *, status: str | None, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        """The same of all runs, or of those with one status."""
        ...


_NO_LETTERS = {code: " " for code in range(128) if not chr(code).isalnum()}


def folded(text: str) -> str:
    """The words of the first FOLDED_CHARACTERS characters in small letters, without accents and
    punctuation, a space before each: what stores keep of a goal, to be searched."""
    plain = text[:FOLDED_CHARACTERS].casefold()
    if plain.isascii():
        return "".join(f" {word}" for word in plain.translate(_NO_LETTERS).split())
    plain = unicodedata.normalize("NFKD", plain)
    letters = (c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return "".join(f" {word}" for word in "".join(letters).split())
