"""No secret leaves through the log, whatever its way in; ordinary ids and hashes do."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.kernel.ids import new_id
from flowmatik.kernel.redaction import HIDDEN, RedactingFilter, Redactor, install_redaction

SECRET = "correct-horse/battery"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJlLXRleHQ"
OURS = "fmk_01a20a9fa8cc77b696a5a71cbc0e8e34_Zq8w2Lx-9Yt3rE6vB1nM4cX7kJ5hG0dS"
PROVIDERS = "sk-proj-Ab12Cd34Ef56Gh78"
LOOKS_SECRET = [
    ("GET /v1 Authorization: Bearer abc.def-123456 done", "abc.def-123456"),
    ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    (f"the key {PROVIDERS} was refused", PROVIDERS),
    (f"who is {OURS}?", OURS),
    (f"token {JWT} expired", JWT),
    ("postgresql://app:pa55word@db:5432/x", "pa55word"),
    ("GET https://x.test/a?page=2&api_key=q1w2e3&z=1", "q1w2e3"),
    ("https://x.test/?access_token=q1w2e3", "q1w2e3"),
    ("dsn host=db password=hunter2 dbname=x", "hunter2"),
    ('{"api_key": "q1w2e3", "model": "m"}', "q1w2e3"),
    ("{'client_secret': 'q1w2e3'}", "q1w2e3"),
    ('said {\\"token\\": \\"q1w2e3\\"}', "q1w2e3"),
    ('{"password": "open sesame please", "user": "ali"}', "open sesame please"),
]


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger and what a handler of the root writes of it, fields included."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Everything())
    root = logging.getLogger()
    root.addHandler(handler)
    install_redaction(Redactor([SECRET]))
    yield logging.getLogger("some.library"), stream
    root.removeHandler(handler)
    install_redaction(Redactor())


class _Everything(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {vars(record)}"


def test_a_secret_among_the_arguments_of_a_message_is_hidden(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning("calling with %s and %s", SECRET, 5)
    logger.warning("calling with %(key)s", {"key": SECRET})
    assert "calling with [hidden] and 5" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_a_secret_in_a_field_is_hidden_however_deep(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    deep: dict[str, Any] = {"a": [{"b": (f"x {SECRET}", {"api_key": "short"})}]}
    logger.warning("m", extra={"deep": deep, "token": "short", "thing": ValueError(SECRET), "n": 3})
    written = stream.getvalue()
    assert SECRET not in written
    assert "short" not in written
    assert "'n': 3" in written
    assert deep["a"][0]["b"][1] == {"api_key": "short"}  # what was given is not changed


def test_a_secret_in_an_exception_or_in_one_behind_it_is_hidden(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = log

    def fails() -> None:
        try:
            raise ValueError(f"wrong: {SECRET}")
        except ValueError as error:
            raise RuntimeError(f"while using {PROVIDERS}") from error

    try:
        fails()
    except RuntimeError:
        logger.exception("failed", stack_info=True)
    written = stream.getvalue()
    assert "wrong: [hidden]" in written
    assert "while using [hidden]" in written
    assert "direct cause" in written
    assert SECRET not in written
    assert PROVIDERS not in written


@pytest.mark.parametrize(("line", "secret"), LOOKS_SECRET)
def test_what_looks_like_a_secret_is_hidden_and_the_rest_stays(line: str, secret: str) -> None:
    shown = Redactor().text(line)
    assert secret not in shown
    assert HIDDEN in shown
    assert shown.split(HIDDEN)[0] == line.split(secret)[0]
    assert Redactor().text(shown) == shown


def test_a_configured_secret_is_hidden_percent_encoded_too() -> None:
    assert Redactor([SECRET]).text("GET /?q=correct-horse%2Fbattery&n=1") == "GET /?q=[hidden]&n=1"


@pytest.mark.parametrize(
    "line",
    [
        f"run {new_id('run')} event {new_id('evt')}:12 of wkr_01a20a9fa8cc77b696a5a71cbc0e8e34",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "chk_0123456789abcdef0123456789abcdef idempotency_key=run_1:call_2",
        "input_tokens=12 output_tokens: 7, 4371 tokens",
        "token=None api_key: null",
        "the task-0123456789abcdef of disk-1234567890123456",
        "https://user@host/path?next=2",
        "password was wrong; the token has expired; log in again",
        "researcher@142ba9b98ed4",
    ],
)
def test_ordinary_ids_hashes_and_words_are_not_hidden(line: str) -> None:
    assert Redactor([SECRET]).text(line) == line


@given(st.text())
def test_redacting_never_fails_and_leaves_no_configured_secret(text: str) -> None:
    assert SECRET not in Redactor([SECRET, "abc"]).text(text + SECRET + text)


def test_a_message_that_cannot_be_formatted_does_not_fail_whoever_logs() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%d of %s", ("a", SECRET), None)
    assert RedactingFilter(Redactor([SECRET])).filter(record)
    assert "wrong format" in record.getMessage()
    assert SECRET not in record.getMessage()


def test_a_logger_that_keeps_its_own_handler_does_not_escape() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    own = logging.getLogger("uvicorn.own")
    own.addHandler(handler)
    own.propagate = False
    try:
        install_redaction(Redactor([SECRET]))
        install_redaction(Redactor([SECRET]))
        own.warning("got %s", SECRET)
    finally:
        own.removeHandler(handler)
        own.propagate = True
    assert stream.getvalue() == "got [hidden]\n"
    assert len(handler.filters) == 1


def test_a_number_under_a_secret_name_is_hidden_and_a_count_of_tokens_is_not() -> None:
    hide = Redactor()
    assert hide.value({"password": 271828, "input_tokens": 12}) == {"password": HIDDEN, "input_tokens": 12}
