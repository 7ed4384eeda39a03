"""What is kept of a document fits every store."""

from flowmatik.memory.records import ChunkRecord, DocumentRecord, Stamp, storable


def test_a_sign_that_a_store_refuses_is_replaced_by_one_of_the_same_length() -> None:
    chunk = ChunkRecord(
        start=3, end=6, lines=None, page=1, heading="A\x00", language="", terms=("x",), vector=None
    )
    record = DocumentRecord(
        id="doc_1",
        source="a.pdf",
        stamp=Stamp(path="/a.pdf", content_hash="h", size=1, mtime_ns=0),
        title="T\x00",
        language="en",
        effective="",
        version="",
        replaces=(),
        embedder="",
        text="ab\x00 cde",
        lines=(),
        pages=(0,),
        ingested_at="2030-01-01",
        chunks=(chunk,),
        table_format="",
        tables=(),
    )
    kept = storable(record)
    assert (kept.text, kept.title, kept.chunks[0].heading) == ("ab\ufffd cde", "T\ufffd", "A\ufffd")
    assert storable(kept) is kept
