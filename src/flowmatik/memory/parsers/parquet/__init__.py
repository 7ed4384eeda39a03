"""Parquet: a table source; nothing of it is indexed."""

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsing import Document, Source

MAGIC = b"PAR1"


def build(settings: object) -> "ParquetParser":
    return ParquetParser()


class ParquetParser:
    def parse(self, source: Source) -> Document:
        if not source.data.startswith(MAGIC):
            raise DocumentError(
                f"{source.name}: not a Parquet file (it does not begin with PAR1); export it again",
                code="document.unreadable",
                context={"why": "PAR1"},
            )
        return Document(text="", table_format="parquet", tables=("",))
