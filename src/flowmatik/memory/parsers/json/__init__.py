"""JSON and JSON Lines as readable lines, `key: value`, one block for each record; long texts as paragraphs.
Lines are those of the file."""

from bisect import bisect_right
from collections.abc import Iterator

from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsers.json.reading import Leaf, Malformed, Reader, Step, TooDeep
from flowmatik.memory.parsing import Document, Source, TextBuilder, clean, decode, line_starts

_DEEPEST = 200
_LONG_WORDS = 40
_BY_LINE = (".jsonl", ".ndjson")


def build(settings: object) -> "JsonParser":
    return JsonParser()


class JsonParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        starts = [offset for offset, _ in line_starts(text)]
        writer = _Writer(source, starts)
        try:
            if source.path.lower().endswith(_BY_LINE):
                _by_line(source, text, starts, writer)
            elif text.strip():
                for leaf in _whole(text):
                    writer.take(leaf, leaf.path)
        except Malformed as error:
            why = f"line {bisect_right(starts, error.offset)}: {error}"
            raise DocumentError(
                f"{source.name}: this is no JSON: {why}; mend it or save it as text",
                code="document.unreadable",
                context={"why": why},
            ) from error
        except TooDeep as error:
            raise DocumentError(
                f"{source.name}: values nested more than {_DEEPEST} deep; simplify the file",
                code="document.deep",
                context={"limit": _DEEPEST},
            ) from error
        writer.flush()
        return Document(
            text=writer.builder.text(), blocks=tuple(writer.builder.blocks), lines=tuple(writer.lines)
        )


def _whole(text: str) -> Iterator[Leaf]:
    reader = Reader(text, 0, deepest=_DEEPEST)
    yield from reader.leaves()
    if rest := text[reader.end :].strip():
        raise Malformed("the end of the file", text.index(rest, reader.end))


def _by_line(source: Source, text: str, starts: list[int], writer: "_Writer") -> None:
    """A line that is none is left out and noted; when all are, the file is no JSON Lines."""
    wrong: list[tuple[int, Malformed]] = []
    for number, start in enumerate(starts):
        stop = starts[number + 1] if number + 1 < len(starts) else len(text)
        line = text[start:stop]
        if not line.strip():
            continue
        try:
            for leaf in list(_whole(line)):
                writer.take(Leaf(leaf.path, leaf.value, start + leaf.offset), (number, *leaf.path))
        except Malformed as error:
            place = min(start + error.offset, max(start, stop - 1))
            wrong.append((number + 1, Malformed(str(error).removesuffix(" expected"), place)))
    if wrong and not writer.lines and not writer.builder.blocks:
        writer.flush()
        if not writer.builder.blocks:
            raise wrong[0][1]
    if wrong:
        first = wrong[0][0]
        source.notes.append(
            Notice(
                code="document.malformed",
                text=f"{source.name}: {len(wrong)} lines are no JSON and were left out, first line {first}",
                values={"count": len(wrong), "line": first},
            )
        )


class _Writer:
    def __init__(self, source: Source, starts: list[int]) -> None:
        self.builder = TextBuilder(source)
        self.lines: list[tuple[int, int]] = []
        self._starts = starts
        self._record: tuple[Step, ...] | None = None
        self._section: Step = ""
        self._run: list[tuple[str, int]] = []

    def take(self, leaf: Leaf, path: tuple[Step, ...]) -> None:
        """`path` leads from the whole file. A record is an element of a list at the top or right below it."""
        section = path[0] if len(path) > 1 and isinstance(path[0], str) else ""
        depth = next((n for n, step in enumerate(path[:2], start=1) if isinstance(step, int)), bool(section))
        record, label = path[:depth], ".".join(step for step in path[depth:] if isinstance(step, str))
        line = bisect_right(self._starts, leaf.offset)
        if record != self._record:
            self.flush()
            self._record = record
        if section != self._section:
            self._section = section
            if section:
                self._add(" ".join(str(section).split()) or "-", line, level=1)
        said = f"{label}: {leaf.value}" if label else leaf.value
        if len(leaf.value.split()) > _LONG_WORDS:
            self.flush()
            self._add(said, line)
        else:
            self._run.append((" ".join(clean(said).split()), line))

    def flush(self) -> None:
        if not self._run:
            return
        position = self.builder.add("\n".join(text for text, _ in self._run), "lines")
        for text, line in self._run:
            self._note(position, line)
            position += len(text) + 1
        self._run = []

    def _add(self, text: str, line: int, level: int = 0) -> None:
        self._note(self.builder.add(clean(text), "heading" if level else "text", level), line)

    def _note(self, offset: int, line: int) -> None:
        if not self.lines or self.lines[-1][1] != line:
            self.lines.append((offset, line))
