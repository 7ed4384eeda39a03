"""What a question asks for, by its form: language, words that carry it, what it names, and when."""

from dataclasses import dataclass
from datetime import date

from flowmatik.memory import analysis, language
from flowmatik.memory.graph.mentions import mentions
from flowmatik.memory.language import fold
from flowmatik.memory.retrieval.expecting import Expected, expected
from flowmatik.memory.retrieval.parts import parts_of
from flowmatik.memory.retrieval.times import Time, times

_NAMING = ("name", "quote", "code", "gazetteer", "email", "url", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`words` are its meaningful words, folded; `groups` the index terms of each; `names` the keys of the
    entities that it names; `times` what it says of when, and `parts` the index terms of each of the things
    that it asks about at once; `expected` is the kind of thing that would answer it, and `said` all of its
    words, folded."""

    text: str
    language: str
    words: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    times: tuple[Time, ...] = ()
    parts: tuple[frozenset[tuple[str, ...]], ...] = ()
    expected: Expected = ""
    said: frozenset[str] = frozenset()


def understand(text: str, today: date | None = None) -> Question:
    code = language.detect(text)
    named = mentions(text, title="", heading="", language=code)
    return Question(
        text=text,
        language=code,
        words=tuple(fold(word) for word in analysis.content_words(text, code)),
        groups=tuple(analysis.query_terms(text, code)),
        names=tuple(dict.fromkeys(one.key for one in named if one.kind in _NAMING)),
        times=times(text, code, today),
        parts=tuple(frozenset(analysis.query_terms(part, code)) for part in parts_of(text)),
        expected=expected(text),
        said=frozenset(fold(word) for word in analysis.words(text)),
    )
