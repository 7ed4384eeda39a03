"""An export of a Confluence space. XML (`entities.xml`) says who may see a page; HTML does not, and then the
source's own setting holds. Pages are named by their place in the space, with their attachments below them."""

from collections.abc import Iterator

from flowmatik.contracts.sources import SourceReader, SourceSetup
from flowmatik.memory.source_kinds.confluence.entities import ENTITIES, space_of
from flowmatik.memory.source_kinds.confluence.pages import pages_of
from flowmatik.memory.source_kinds.confluence.space import documents_of
from flowmatik.memory.source_parts.archives import Archive
from flowmatik.memory.source_parts.exports import Piece, build_export
from flowmatik.memory.source_settings import lost


def build(given: SourceSetup) -> SourceReader:
    return build_export("confluence", given, _unpack)


def _unpack(archive: Archive) -> Iterator[Piece]:
    if ENTITIES in archive.refused:
        raise lost(archive.place, archive.refused[ENTITIES].message)
    if ENTITIES in archive.members:
        yield from documents_of(archive, space_of(archive))
    elif any(name.endswith("index.html") for name in archive.members):
        yield from pages_of(archive)
    else:
        raise lost(
            archive.place, "it is no export of Confluence: neither entities.xml nor index.html is there"
        )
