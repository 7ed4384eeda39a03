"""Quotes: the verbatim parts of a sentence, a list item or a row, and as a person reads them."""

from dataclasses import dataclass

from flowmatik.integrations.models.local import rows
from flowmatik.integrations.models.local.clauses import spans
from flowmatik.integrations.models.local.passages import Candidate
from flowmatik.integrations.models.local.reading import Reading

MAX_CHARACTERS = 300
CUT = "…"  # where a sentence goes on
DEAR = 0.0002  # the chance that one more character has to earn


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A verbatim slice of a passage, and as a person reads it: with a mark where its sentence is cut.
    `header` is that of its table where figures in it are shown too, and need a citation."""

    text: str
    shown: str
    passage_id: str
    header: str = ""


def shown(quote: str) -> str:
    """A quote as a person reads it: one line without marks of emphasis and code."""
    return " ".join(quote.split()).replace("**", "").replace("`", "")


def row_quote(one: Candidate) -> Quote:
    said = rows.readable(one.header, one.row, MAX_CHARACTERS)
    names = "".join(one.header)
    header = one.context if any(c.isdigit() for c in names) else ""
    return Quote(text=one.text, shown=said, passage_id=one.passage.id, header=header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`start` and `end` are places in the passage."""

    candidate: Candidate
    start: int
    end: int
    text: str
    worth: float

    @property
    def quote(self) -> Quote:
        if self.candidate.row:
            return row_quote(self.candidate)
        return Quote(text=self.text, shown=self.said, passage_id=self.candidate.passage.id)

    @property
    def said(self) -> str:
        sentence = self.candidate
        before = CUT + " " if self.start > sentence.start else ""
        after = " " + CUT if self.end < sentence.start + len(sentence.text) else ""
        return before + shown(self.text) + after

    def goes_with(self, other: "Part", room: int = 0) -> bool:
        """Whether both together are short enough, with `room` characters more, and two."""
        elsewhere = self.candidate.passage.id != other.candidate.passage.id
        apart = elsewhere or self.end <= other.start or other.end <= self.start
        return apart and len(self.said) + 1 + len(other.said) + room <= MAX_CHARACTERS


def parts(one: Reading) -> list[Part]:
    text = one.candidate.text
    if one.candidate.row:
        return [_part(one, 0, len(text))]
    limit = MAX_CHARACTERS - (len(f"{CUT}  {CUT}") if len(text) > MAX_CHARACTERS else 0)
    return [_part(one, a, b) for a, b in spans(text, limit)]


def _part(one: Reading, start: int, end: int) -> Part:
    return Part(
        candidate=one.candidate,
        start=one.candidate.start + start,
        end=one.candidate.start + end,
        text=one.candidate.text[start:end].strip(),
        worth=one.within(start, end) - DEAR * (end - start),
    )
