import io
import os
import zipfile
from pathlib import Path
from typing import Any, cast

import docx
import pypdf
import pytest
from fpdf import FPDF

from flowmatik.app.texts import Texts
from flowmatik.memory import IngestLimits, StoredMemory, build_memory
from tests.integration.memory.support import StandingClock, best, ingest, outcomes


def _pdf(path: Path, *pages: str) -> None:
    pdf = FPDF()
    for text in pages:
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        if text:
            cast("Any", pdf).multi_cell(0, 6, text)
    pdf.output(str(path))


def _encrypt(path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=str(path))
    writer.encrypt("secret", algorithm="RC4-128")
    with path.open("wb") as file:
        writer.write(file)


def _bomb(path: Path, megabytes: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\x20" * (megabytes << 20))


async def test_each_bad_file_is_skipped_by_its_code_and_the_good_ones_are_taken(
    memory: StoredMemory, folder: Path
) -> None:
    (folder / "good.md").write_text("# Good\n\nAlpha text.", encoding="utf-8")
    _pdf(folder / "locked.pdf", "Secret")
    _encrypt(folder / "locked.pdf")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    _pdf(folder / "scan.pdf", "")
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 10)
    (folder / "nul.md").write_bytes(b"# T\n\nabc\x00def")
    (folder / "broken.docx").write_bytes(b"PK\x03\x04 not a zip")
    (folder / "old.docx").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(500))
    _bomb(folder / "bomb.docx", 100)
    (folder / "fake.parquet").write_bytes(b"hello")
    (folder / "fake.sqlite").write_bytes(b"hello")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    os.mkfifo(folder / "pipe.txt")
    assert await outcomes(memory, folder) == {
        "good.md": "added",
        "locked.pdf": "document.encrypted",
        "broken.pdf": "document.unreadable",
        "scan.pdf": "document.no_text",
        "binary.txt": "document.binary",
        "nul.md": "document.binary",
        "broken.docx": "document.unreadable",
        "old.docx": "document.encrypted",
        "bomb.docx": "document.too_large",
        "fake.parquet": "document.unreadable",
        "fake.sqlite": "document.unreadable",
        "photo.jpg": "document.unsupported",
        "pipe.txt": "document.irregular",
    }
    assert (await best(memory, "alpha")).source == "good.md"


async def test_what_is_skipped_says_what_is_wrong_and_counts_as_done(
    memory: StoredMemory, folder: Path
) -> None:
    _pdf(folder / "locked.pdf", "Secret")
    _encrypt(folder / "locked.pdf")
    (progress,) = await ingest(memory, folder / "locked.pdf")
    assert progress.outcome == "skipped"
    assert "locked.pdf" in progress.reason
    assert "without a password" in progress.reason
    assert (progress.done, progress.total) == (1, 1)


async def test_a_docx_that_unpacks_beyond_the_limit_is_refused_unopened(tmp_path: Path, folder: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Fine.")
    document.save(str(folder / "fine.docx"))
    limits = IngestLimits(max_unpacked_bytes=1000)
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock(), limits=limits)
    assert await outcomes(memory, folder) == {"fine.docx": "document.too_large"}
    await memory.close()


async def test_a_file_above_the_limit_is_not_read(tmp_path: Path, folder: Path) -> None:
    (folder / "big.txt").write_text("word " * 500, encoding="utf-8")
    (folder / "big.csv").write_text("a,b\n" + "1,2\n" * 500, encoding="utf-8")
    limits = IngestLimits(max_file_bytes=1000, max_table_bytes=1000)
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock(), limits=limits)
    assert await outcomes(memory, folder) == {
        "big.txt": "document.too_large",
        "big.csv": "document.too_large",
    }
    await memory.close()


async def test_too_much_text_or_time_is_a_reason_to_skip(tmp_path: Path, folder: Path) -> None:
    _pdf(folder / "a.pdf", "One page.", "Another page.")
    for limits, code in (
        (IngestLimits(max_pages=1), "document.too_large"),
        (IngestLimits(max_text_chars=5), "document.too_large"),
        (IngestLimits(parse_seconds=0), "document.timeout"),
    ):
        memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock(), limits=limits)
        assert await outcomes(memory, folder) == {"a.pdf": code}
        await memory.close()


async def test_links_are_not_followed_out_of_the_folder(
    memory: StoredMemory, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("# S\n\nOutside secret.", encoding="utf-8")
    (folder / "in.md").write_text("# I\n\nInside text.", encoding="utf-8")
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "dir").symlink_to(outside)
    (folder / "same.md").symlink_to(folder / "in.md")
    (folder / "loop").symlink_to(folder)
    assert await outcomes(memory, folder) == {
        "in.md": "added",
        "link.md": "document.outside",
        "dir": "document.outside",
        "same.md": "document.link_inside",
        "loop": "document.link_inside",
    }
    assert all("secret" not in p.text for p in await memory.search("default", "outside secret"))


async def test_a_link_that_leads_nowhere_is_reported(memory: StoredMemory, folder: Path) -> None:
    (folder / "gone.md").symlink_to(folder / "was-here.md")
    (folder / "circle.md").symlink_to(folder / "circle.md")
    assert await outcomes(memory, folder) == {
        "circle.md": "document.dangling",
        "gone.md": "document.dangling",
    }


async def test_a_link_to_a_hidden_file_does_not_say_that_the_file_is_read(
    memory: StoredMemory, folder: Path
) -> None:
    (folder / ".notes").mkdir()
    (folder / ".notes" / "a.md").write_text("# A\n\nHidden text.", encoding="utf-8")
    (folder / ".env.md").write_text("# B\n\nHidden text.", encoding="utf-8")
    (folder / "notes").symlink_to(folder / ".notes")
    (folder / "a.md").symlink_to(folder / ".notes" / "a.md")
    (folder / "env.md").symlink_to(folder / ".env.md")
    steps = [one async for one in memory.ingest("default", [folder])]
    assert {one.source: one.code for one in steps} == dict.fromkeys(
        ("notes", "a.md", "env.md"), "document.link_hidden"
    )
    for language, said in (("en", "hidden file or folder, and neither"), ("es", "ocultos, y no se lee")):
        assert all(said in Texts(language).fault(one.code, one.values, one.reason) for one in steps)
    assert await memory.search("default", "hidden text") == []


async def test_hidden_files_are_left_alone(memory: StoredMemory, folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "a.md").write_text("x", encoding="utf-8")
    (folder / ".env.txt").write_text("KEY=1", encoding="utf-8")
    assert await outcomes(memory, folder) == {}


async def test_a_document_that_turns_bad_leaves_no_old_passages(memory: StoredMemory, folder: Path) -> None:
    (folder / "a.md").write_text("# A\n\nAlpha text.", encoding="utf-8")
    await ingest(memory, folder)
    (folder / "a.md").write_bytes(b"\x00\x01\x02")
    assert await outcomes(memory, folder) == {"a.md": "document.binary"}
    assert await memory.search("default", "alpha") == []


@pytest.mark.parametrize("text", ["", "   \n\n  "])
async def test_an_empty_document_is_taken_without_passages(
    memory: StoredMemory, folder: Path, text: str
) -> None:
    (folder / "a.md").write_text(text, encoding="utf-8")
    assert await outcomes(memory, folder) == {"a.md": "added"}
    assert await outcomes(memory, folder) == {"a.md": "unchanged"}


async def test_a_document_without_text_is_noted(memory: StoredMemory, folder: Path) -> None:
    for name in ("empty.md", "blank.txt", "empty.csv"):
        (folder / name).write_text("" if name.startswith("empty") else " \n\n", encoding="utf-8")
    (folder / "full.md").write_text("# Full\n\nSome text.", encoding="utf-8")
    noted = {step.source: [one.code for one in step.notices] for step in await ingest(memory, folder)}
    assert noted == {
        "empty.md": ["document.empty"],
        "blank.txt": ["document.empty"],
        "empty.csv": ["document.empty"],
        "full.md": [],
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("name,age\nAna,31\nLuis\nEva,22,extra\n", {"count": 2, "line": 3, "cells": 2}),
        ("name;age\nAna;31\nEva;22;x\n", {"count": 1, "line": 3, "cells": 2}),
        ("Report\n\nname,age\nAna,31\nLuis\n", {"count": 1, "line": 5, "cells": 2}),
        ('a,b\n1,"two\nlines"\n3\n', {"count": 1, "line": 4, "cells": 2}),
        ("name,age\nAna,31\n\n", None),
        ("city\nLondon\nParis\n", None),
        ('remark\n"one, two"\nthree\n', None),
        ("amount, EUR\n12\n13\n", None),
        ("name;price\nAna;3,5\nEva;4\n", None),
        ("name\n", None),
    ],
)
async def test_rows_that_do_not_fit_their_header_are_noted(
    text: str, values: dict[str, int] | None, memory: StoredMemory, folder: Path
) -> None:
    (folder / "people.csv").write_text(text, encoding="utf-8")
    (step,) = await ingest(memory, folder)
    assert step.outcome == "added"
    assert [(one.code, one.values) for one in step.notices] == (
        [("document.ragged", values)] if values else []
    )


async def test_an_archive_that_lies_about_its_size_is_unreadable(memory: StoredMemory, folder: Path) -> None:
    buffer = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("word " * 20000)
    document.save(buffer)
    data = bytearray(buffer.getvalue())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        real = archive.getinfo("word/document.xml").file_size
    size, lie = real.to_bytes(4, "little"), (100).to_bytes(4, "little")
    assert size in data
    (folder / "liar.docx").write_bytes(bytes(data).replace(size, lie))
    assert await outcomes(memory, folder) == {"liar.docx": "document.unreadable"}
