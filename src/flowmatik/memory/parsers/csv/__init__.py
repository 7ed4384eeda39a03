"""CSV: the file is a table source; its header and first rows are one passage, so that a search
for what the table is about finds it."""

from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts

FIRST_ROWS = 6
MAX_CHARS = 4000


def build(settings: object) -> "CsvParser":
    return CsvParser()


class CsvParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        lines = text.split("\n")[: FIRST_ROWS + 1]
        head = "\n".join(lines)[:MAX_CHARS].rstrip()
        blocks = (Block(kind="lines", start=0, end=len(head)),) if head else ()
        return Document(
            text=head,
            blocks=blocks,
            lines=line_starts(head),
            table_format="csv",
            tables=("",) if head else (),
        )
