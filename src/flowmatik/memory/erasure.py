"""Erasing, and the certificate of it.

A subject's documents are removed as wholes: one without some of its passages would be quoted as if it said no
more. They are found by the stored text and not only by what was recognised as a mention.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import unquote

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory_care import Erasure, ErasureRequest
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory import reading
from flowmatik.memory.bulk import listed
from flowmatik.memory.language import fold
from flowmatik.memory.records import Known

_PAGE = 50
_SHORTEST = 3  # letters of a name: less would be found everywhere
_COUNTED = ("chunks", "vectors", "mentions", "tables", "acl")
_BY_CHUNK = ("postings", "aliases", "relations", "extractions")


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked: its kind, and the words as given."""

    kind: str
    words: tuple[str, ...]


def target_of(request: ErasureRequest) -> Target:
    """Raises InvalidInput for none, several, or a subject that is hardly a name."""
    given = [
        Target(kind, words)
        for kind, words in (
            ("subject", request.subject),
            ("source", (request.source,)),
            ("document", (request.document,)),
        )
        if any(words)
    ]
    if len(given) != 1:
        raise InvalidInput(
            "say either whom, which source or which document to forget, and only one of them",
            code="input.erasure",
        )
    if given[0].kind == "subject":
        for name in given[0].words:
            if len(_pattern_text(name).replace("-", "").replace("_", "")) < _SHORTEST:
                raise InvalidInput(
                    f"the name {name!r} is too short to forget by; give at least {_SHORTEST} letters",
                    code="input.erasure_name",
                    context={"name": name, "least": _SHORTEST},
                )
    return given[0]


async def documents_meant(database: Database, workspace_id: str, target: Target) -> list[Known]:
    """By source name."""
    if target.kind == "document":
        (ref,) = target.words
        return await reading.documents_of(database, workspace_id, ref) if ref.strip("/") else []
    if target.kind == "source":
        (name,) = target.words
        rows = await database.fetch(
            "SELECT d.id FROM memory_documents d JOIN memory_sources s ON s.workspace_id = d.workspace_id"
            " AND s.id = d.source_id WHERE d.workspace_id = $1"
            " AND (s.name = $2 OR s.location = $2 OR s.id = $2)",
            *(workspace_id, name),
        )
        return await reading.documents_with(database, workspace_id, [str(row[0]) for row in rows])
    return await reading.documents_with(
        database, workspace_id, await _mentioning(database, workspace_id, target.words)
    )


async def _mentioning(database: Database, workspace_id: str, names: Iterable[str]) -> list[str]:
    """The documents whose text, title, name, path, labels or links have one of `names`, as whole words,
    whatever their case, accents and white space."""
    pattern = _pattern_for(names)
    found: list[str] = []
    after = ""
    while True:
        page = await database.fetch(
            "SELECT id, text, title, source, path, tags, metadata, links FROM memory_documents"
            " WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            *(workspace_id, after, _PAGE),
        )
        found += await asyncio.to_thread(_those_with, pattern, page)
        if len(page) < _PAGE:
            return found
        after = str(page[-1][0])


def is_named(target: Target, text: str) -> bool:
    """Whether `text` names the subject."""
    return naming(target.words)(text)


def naming(names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text has one of `names`."""
    pattern = _pattern_for(names)
    return lambda text: pattern.search(fold(text)) is not None


def _pattern_for(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<![^\W_]){pattern_of(name)}(?![^\W_])" for name in names))


def _those_with(pattern: re.Pattern[str], page: Sequence[Row]) -> list[str]:
    """Blocking."""
    return [
        str(document_id)
        for document_id, *texts in page
        if any(pattern.search(fold(str(text))) for text in (*texts, unquote(str(texts[-1]))))
    ]


def _pattern_text(name: str) -> str:
    return " ".join(fold(name).split())


def pattern_of(name: str) -> str:
    """A word of hyphens alone is what stands between words anyway, and several of them in a row would be
    looked for in each way that they can be shared out."""
    words = [word for word in _pattern_text(name).split() if word.strip("_-")]
    return r"[\s_-]+".join(map(re.escape, words))


async def counted(database: Database, workspace_id: str, documents: Sequence[str]) -> dict[str, int]:
    """The rows of those documents by table."""
    counts = {"documents": len(documents)}
    for table in (*_COUNTED, *_BY_CHUNK):
        condition = "document IN (:list)"
        if table in _BY_CHUNK:
            condition = (
                "chunk IN (SELECT c.number FROM memory_chunks c WHERE c.workspace_id = $1"
                " AND c.document IN (:list))"
            )
        sql = " ".join(("SELECT count(*) FROM", f"memory_{table}", "WHERE workspace_id = $1 AND", condition))
        for statement, values in listed(sql, documents, 2):
            ((count,),) = await database.fetch(statement, workspace_id, *values)
            counts[table] = counts.get(table, 0) + int(count)
    return counts


def hashed(target: Target) -> tuple[str, str]:
    """A salt, and what was asked under it."""
    salt = secrets.token_hex(16)
    words = canonical.dumps([target.kind, *sorted(target.words)])
    return salt, hashlib.sha256(f"{salt}{words}".encode()).hexdigest()


def is_about(certificate: Erasure, request: ErasureRequest) -> bool:
    """Whether it certifies what `request` asks for."""
    target = target_of(request)
    words = canonical.dumps([target.kind, *sorted(target.words)])
    return hashlib.sha256(f"{certificate.salt}{words}".encode()).hexdigest() == certificate.target


def digest_of(certificate: Erasure) -> str:
    body = {name: value for name, value in asdict(certificate).items() if name not in {"digest", "sources"}}
    if not certificate.naming:  # certificates of before there was any
        del body["naming"]
    for one in body.get("naming", ()):
        if not one["unread"]:  # as certificates were before it was told
            del one["unread"], one["unread_in"]
    return hashlib.sha256(canonical.dumps(body).encode()).hexdigest()
