"""CSV: the file is a table source; its header and first rows are one passage, so that a search
for what the table is about finds it."""

from dataclasses import replace

from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts

FIRST_ROWS = 6
MAX_CHARS = 4000
MAX_WORDS = 200  # so that it stays one passage, its rows below their header


def build(settings: object) -> "CsvParser":
    return CsvParser()


class CsvParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(_whole_lines(source)))
        lines = text.split("\n")[: FIRST_ROWS + 1]
        while len(lines) > 1 and sum(len(line.split()) for line in lines) > MAX_WORDS:
            lines.pop()
        head = "\n".join(lines)[:MAX_CHARS].rstrip()
        blocks = (Block(kind="lines", start=0, end=len(head)),) if head else ()
        return Document(
            text=head,
            blocks=blocks,
            lines=line_starts(head),
            table_format="csv",
            tables=("",) if head else (),
        )


def _whole_lines(source: Source) -> Source:
    """Only a file's beginning is at hand; cut inside a character it would pass for another encoding."""
    if source.data.count(b"\n") <= FIRST_ROWS or source.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return source
    return replace(source, data=source.data[: source.data.rindex(b"\n") + 1])
