"""Logging, configured once for the whole process, with secrets taken out at the root handler.

At the handler and not at a logger: a record of a library's logger passes only handlers on its
way up, so that a filter on the root logger would never see it. And in the formatted line, so
that tracebacks and fields are covered as well.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from flowmatik.app.settings import Settings

HIDDEN = "[hidden]"
SHORTEST_SECRET = 6
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class OurHandler(logging.StreamHandler[Any]):
    """So that configuring again replaces it, and only it."""


class LineFormatter(logging.Formatter):
    """Text for a terminal, a JSON object for collectors; fields given with `extra` included."""

    def __init__(self, secrets: tuple[str, ...], *, as_json: bool) -> None:
        super().__init__()
        self._secrets = secrets
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self._as_json:
            body = {
                "at": moment,
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": message,
            }
            body |= {"exception": trace} if trace else {}
            line = json.dumps({**fields, **body}, default=str, ensure_ascii=False)
        else:
            told = "".join(f" {name}={value}" for name, value in fields.items())
            line = f"{moment[11:19]} {record.levelname.lower()} {message}{told}" + (
                f"\n{trace}" if trace else ""
            )
        return redacted(line, self._secrets)


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """One handler on `stream` (stderr); again, it replaces itself."""
    target = sys.stderr if stream is None else stream
    handler = OurHandler(target)
    handler.setFormatter(LineFormatter(secrets_of(settings), as_json=not target.isatty()))
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, OurHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for noisy in ("httpx", "httpcore"):  # they log whole URLs
        logging.getLogger(noisy).setLevel(logging.WARNING)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What must never be logged, longest first, so that no part of one survives another."""
    values = {provider.api_key for provider in settings.providers} | {settings.database_url}
    password = settings.database_url.rpartition("@")[0].rpartition(":")[2]
    kept = {value for value in values | {password} if len(value) >= SHORTEST_SECRET}
    return tuple(sorted(kept, key=len, reverse=True))


def redacted(line: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    return line
