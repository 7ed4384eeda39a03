"""Files made in the tests, read as the worker reads them."""

import io
import zipfile
from pathlib import PurePath

from flowmatik.memory.formats import Formats
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.prepare import Job, Prepared, run_job
from flowmatik.memory.records import ChunkRecord, Stamp

FORMATS = Formats()


def read(name: str, data: bytes, limits: IngestLimits | None = None) -> Prepared:
    """Raises DocumentError."""
    fmt = FORMATS.of(PurePath(name))
    assert fmt is not None, name
    stamp = Stamp(path=f"/docs/{name}", content_hash="", size=len(data), mtime_ns=0)
    job = Job(format_id=fmt.id, name=name, data=data, document_id="doc_1", stamp=stamp, at="")
    return run_job(job, FORMATS, limits or IngestLimits())


def passages(prepared: Prepared) -> list[str]:
    return [prepared.record.text[chunk.start : chunk.end] for chunk in prepared.record.chunks]


def passage_with(prepared: Prepared, words: str) -> ChunkRecord:
    record = prepared.record
    return next(chunk for chunk in record.chunks if words in record.text[chunk.start : chunk.end])


def opendocument(content: str) -> bytes:
    """A package with that `content.xml`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    return buffer.getvalue()
