"""Under which file name a page is kept, and what tells one version of it from another."""

import hashlib
import json
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from flowmatik.memory.source_kinds.web.requests import Answer

_SUFFIXES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/pdf": ".pdf",
    "message/rfc822": ".eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.text": ".odt",
}


def file_name(url: str, media: str) -> str:
    """`host/path.html`: the suffix as the server says the kind is, else as the address has it."""
    parts = urlsplit(url)
    path = PurePosixPath(unquote(parts.path).strip("/") or "index")
    suffix = _SUFFIXES.get(media, path.suffix)
    stem = str(path) if path.suffix.lower() not in (suffix, ".htm") else str(path.with_suffix(""))
    if parts.query:
        stem += f"-{hashlib.sha256(parts.query.encode()).hexdigest()[:12]}"
    port = f"-{parts.port}" if parts.port else ""
    return f"{parts.hostname}{port}/{stem}{suffix}"


def version_of(answer: Answer) -> str:
    """The server's validators; of a page without any, its content."""
    if answer.tag or answer.modified:
        return json.dumps([answer.tag, answer.modified])
    return f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
