"""Keeps secrets out of the log: those that are configured, and whatever looks like one.

On handlers and not on loggers: a record of a library's logger passes only handlers on its way up, so
that a filter on the root logger would never see it.
"""

import logging
import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote

HIDDEN = "[hidden]"
SHORTEST_SECRET = 6  # shorter ones would hide half of every line
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NAME = (
    r"(?:[\w-]*[_-])?(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|apikey|access[_-]?key"
    r"|private[_-]?key|authorization|cookie)"
)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_PATTERNS = (
    # user:password@ in an address
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # JSON Web Tokens, our own API keys, keys of providers
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"\bfmk_[\w-]{8,}"), HIDDEN),
    (re.compile(r"\b(?:sk|rk|pk)[-_](?=[\w-]*\d)[\w-]{12,}"), HIDDEN),
    # Authorization: Bearer …
    (re.compile(r"\b(bearer|basic)\s+(?!\[hidden\])[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # "password": "of several words"
    (
        re.compile(
            rf"""(?<![\w-])({_NAME}\\?["']?\s*[=:]\s*)(\\?["'])(?!\[hidden\]|(?:bearer|basic)\s)"""
            r"""(?:(?!\2).)+(?=\2)""",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    # password=…, "api_key": "…", ?token=…
    (
        re.compile(
            rf"""(?<![\w-])({_NAME}\\?["']?\s*[=:]\s*\\?["']?)"""
            r"""(?!\[hidden\]|(?:bearer|basic)\s|(?:None|null|true|false)\b)[^\s"'&,;)}\]\\]+""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redactor:
    """Hides `secrets` wherever they stand, also percent-encoded, and everything of a secret's form."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        # Longest first, so that no part of one survives another.
        self._secrets = tuple(sorted(known, key=len, reverse=True))

    def knowing(self, secrets: Iterable[str]) -> "Redactor":
        """One that hides these too."""
        return Redactor((*self._secrets, *secrets))

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def value(self, value: object, name: str = "") -> object:
        """A field's value; `name` decides for values that do not look secret. Other numbers, times and
        the like stay what they are, anything else whose text holds a secret becomes that text."""
        if value is None or isinstance(value, bool):
            return value
        if name and _SECRET_NAME.fullmatch(name):
            return HIDDEN
        if isinstance(value, int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[object, object]", value)
            return {self.value(key): self.value(inner, str(key)) for key, inner in fields.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(inner) for inner in cast("Iterable[object]", value)]
        told = str(value)
        hidden = self.text(told)
        return value if hidden == told else hidden

    def exception(self, error: BaseException) -> str:
        """Its traceback with those of its causes."""
        return self.text("".join(traceback.format_exception(error)))


class RedactingFilter(logging.Filter):
    """Rewrites a record before its handler writes it: message, fields, traceback and stack."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def learn(self, secrets: Iterable[str]) -> None:
        self._redactor = self._redactor.knowing(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        hide = self._redactor
        try:
            message = record.getMessage()
        except Exception as error:  # a wrong format must not become an error of whoever logs
            message = f"{record.msg} {record.args!r} (wrong format: {error})"
        record.msg, record.args = hide.text(message), None
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = hide.exception(record.exc_info[1]).rstrip("\n")
        elif record.exc_text:
            record.exc_text = hide.text(record.exc_text)
        record.exc_info = None  # formatters would write it out again, with everything in it
        if record.stack_info:
            record.stack_info = hide.text(record.stack_info)
        fields: dict[str, Any] = vars(record)
        for name in fields.keys() - _STANDARD:
            fields[name] = hide.value(fields[name], name)
        return True


def install_redaction(redactor: Redactor) -> None:
    """On every handler that there is, of the root logger and of loggers that keep their own; instead
    of what was installed before."""
    filter_ = RedactingFilter(redactor)
    for handler in _handlers():
        for old in _installed(handler):
            handler.removeFilter(old)
        handler.addFilter(filter_)


def also_hide(secrets: Iterable[str]) -> None:
    """What came to be known after the redaction was installed; without any nothing is done."""
    found = tuple(secrets)
    for filter_ in {known for handler in _handlers() for known in _installed(handler)}:
        filter_.learn(found)


def _handlers() -> set[logging.Handler]:
    root = logging.getLogger()
    loggers = [known for known in root.manager.loggerDict.values() if isinstance(known, logging.Logger)]
    handlers = {handler for logger in (root, *loggers) for handler in logger.handlers}
    return handlers if logging.lastResort is None else handlers | {logging.lastResort}


def _installed(handler: logging.Handler) -> list[RedactingFilter]:
    return [known for known in handler.filters if isinstance(known, RedactingFilter)]


def _forms(secret: str) -> tuple[str, ...]:
    return (secret, quote(secret), quote(secret, safe=""))
