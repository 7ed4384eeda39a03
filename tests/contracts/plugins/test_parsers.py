"""What ingestion expects of every parser, whatever it reads; run over each manifest that there is."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.kernel.errors import DocumentError
from flowmatik.kernel.plugins import Manifest, PluginRegistry
from flowmatik.memory.formats import Formats
from flowmatik.memory.parsing import Document, Source
from tests.e2e.documents import write_bad

REGISTRY = PluginRegistry(
    Path(__file__).parents[3] / "src/flowmatik/memory/parsers", "flowmatik.memory.parsers"
)


@pytest.fixture(params=REGISTRY.manifests(), ids=lambda manifest: manifest.id)
def manifest(request: pytest.FixtureRequest) -> Manifest:
    return request.param


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("bad")
    write_bad(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "huge.md"}


def parsed(manifest: Manifest, path: Path, data: bytes) -> Document | DocumentError:
    path.write_bytes(data)
    parser = Formats(REGISTRY).parser(manifest.id)
    try:
        return parser.parse(Source(name=path.name, data=data, path=str(path)))
    except DocumentError as error:
        return error


def unreadable() -> Iterator[bytes]:
    chance = random.Random(11)
    yield b""
    yield b"\x00\x01\x02" * 50
    for size in (1, 100, 5000):
        yield chance.randbytes(size)
        yield b"%PDF-1.7\n" + chance.randbytes(size)
        yield b"PK\x03\x04" + chance.randbytes(size)
        yield b"SQLite format 3\x00" + chance.randbytes(size)
        yield b"PAR1" + chance.randbytes(size) + b"PAR1"


def test_a_parser_names_what_it_reads(manifest: Manifest) -> None:
    assert manifest.summary
    assert manifest.texts("suffixes")
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in manifest.texts("suffixes"))


def test_whatever_the_bytes_there_is_a_document_or_a_documents_error(
    manifest: Manifest, tmp_path: Path, bad_files: dict[str, bytes]
) -> None:
    suffix = manifest.texts("suffixes")[0]
    for number, data in enumerate([*unreadable(), *bad_files.values()]):
        path = tmp_path / f"{number}{suffix}"
        result = parsed(manifest, path, data)
        if isinstance(result, DocumentError):
            assert result.code.startswith("document.")
            assert path.name in result.message
        else:
            in_order(result)


def in_order(document: Document) -> None:
    """Blocks lie in the text, one after the other."""
    end = 0
    for block in document.blocks:
        assert end <= block.start <= block.end <= len(document.text)
        end = block.end
    assert list(document.pages) == sorted(document.pages)
