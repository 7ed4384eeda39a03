"""Logging, configured once for the whole process; `kernel.redaction` takes the secrets out."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import unquote

from flowmatik.app.settings import Settings
from flowmatik.kernel.redaction import Redactor, install_redaction

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

# They log whole URLs, headers with keys, or all that a model is asked.
NOISY = (
    "httpx",
    "httpcore",
    "httpx2",
    "httpcore2",
    "botocore",
    "urllib3",
    "openai",
    "anthropic",
    "groq",
    "google_genai",
)


class OurHandler(logging.StreamHandler[Any]):
    """So that configuring again replaces it, and only it."""


class LineFormatter(logging.Formatter):
    """Text for a terminal, a JSON object for collectors; fields given with `extra` included."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage()
        trace = record.exc_text or ""
        if self._as_json:
            body = {
                "at": moment,
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": message,
            }
            body |= {"exception": trace} if trace else {}
            return json.dumps({**fields, **body}, default=str, ensure_ascii=False)
        told = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{moment[11:19]} {record.levelname.lower()} {message}{told}"
        return f"{line}\n{trace}" if trace else line


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """One handler on `stream` (stderr); again, it replaces itself."""
    target = sys.stderr if stream is None else stream
    handler = OurHandler(target)
    handler.setFormatter(LineFormatter(as_json=not target.isatty()))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, OurHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    install_redaction(Redactor(secrets_of(settings)))
    root.setLevel(settings.log_level.upper())
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What must never be logged, whatever it looks like."""
    keys = [key for one in settings.providers for key in one.secrets]
    keys += [settings.embedding_endpoint.api_key] if settings.embedding_endpoint else []
    password = settings.database_url.rpartition("@")[0].rpartition(":")[2]
    redis = settings.redis_url.rpartition("@")[0].rpartition(":")[2]
    hidden = [settings.database_url, password, unquote(password), settings.redis_url, redis, unquote(redis)]
    return tuple(filter(None, [*keys, *hidden]))
