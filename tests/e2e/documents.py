"""Documents that nobody can read, made the way they turn up in real folders."""

import os
import zipfile
from pathlib import Path
from typing import Any, cast

import pypdf
from fpdf import FPDF

MEBIBYTE = 1 << 20
GOOD = {
    "lighthouse.md": "# Lighthouse\n\nThe keeper of the lighthouse is called Orlando.\n",
    "harbour.txt": "The harbour master is called Ximena.\n",
}
# Each bad file and the code by which it is skipped.
BAD = {
    "locked.pdf": "document.encrypted",
    "broken.pdf": "document.unreadable",
    "broken.docx": "document.unreadable",
    "binary.txt": "document.binary",
    "huge.md": "document.too_large",
    "bomb.docx": "document.too_large",
}


def write_good(folder: Path) -> None:
    for name, text in GOOD.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_bad(folder: Path) -> None:
    _encrypted(folder / "locked.pdf")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    (folder / "broken.docx").write_bytes(b"PK\x03\x04 not an archive")
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 64)
    with (folder / "huge.md").open("wb") as file:
        file.write(b"# Huge\n")
        os.truncate(file.fileno(), 80 * MEBIBYTE)  # takes no room on the disk
    bomb(folder / "bomb.docx")


def bomb(path: Path, megabytes: int = 300) -> None:
    """A Word document of a few hundred kilobytes that unpacks to `megabytes`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w") as file:
            for _ in range(megabytes):
                file.write(b"\x20" * MEBIBYTE)


def _encrypted(path: Path) -> None:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    cast("Any", pdf).multi_cell(0, 6, "A secret.")
    pdf.output(str(path))
    writer = pypdf.PdfWriter(clone_from=str(path))
    writer.encrypt("secret", algorithm="RC4-128")
    with path.open("wb") as file:
        writer.write(file)
