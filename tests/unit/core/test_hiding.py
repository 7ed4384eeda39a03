"""What recordings hide, and that the same stays the same."""

import json
from typing import Any

import pytest

from flowmatik.contracts.recordings import Redaction
from flowmatik.core.recordings.hiding import Hider

PASSWORD = "Correct-7 horse, battery"
GIVEN = {"user": "ana", "password": PASSWORD, "nested": [{"api_key": "zebra99"}], "token": "search"}


def hidden(value: Any, redaction: Redaction = "all") -> tuple[Any, Hider]:
    hider = Hider(redaction)
    hider.learn(value)
    return hider.hidden(value), hider


@pytest.mark.parametrize("redaction", ["all", "secrets"])
def test_a_field_that_is_named_after_a_secret_is_hidden_and_so_is_its_value_elsewhere(
    redaction: Redaction,
) -> None:
    told = f"I log in with {PASSWORD} and zebra99; memory_search and zebra990 are no secrets"
    found, hider = hidden([{"arguments": GIVEN}, {"content": told}, json.dumps(GIVEN)], redaction)
    given, content, text = found
    assert not any(secret in str(found) for secret in (PASSWORD, "zebra99'", "zebra99;"))
    assert given["arguments"]["user"] == "ana"
    word, key = given["arguments"]["password"], given["arguments"]["nested"][0]["api_key"]
    assert content["content"].startswith(f"I log in with {word} and {key}; memory_search and zebra990 are")
    assert (word in text, key in text) == (True, True)
    assert sum(hider.counts.values()) == 3


def test_what_is_asked_for_whole_is_left_whole() -> None:
    assert hidden(GIVEN, "none")[0] == GIVEN


def test_what_is_no_secret_by_its_name_stays() -> None:
    plain = {"input_tokens": "123456", "passwords": "several", "description": "a token=[password 1]", "n": 7}
    assert hidden(plain)[0] == plain


def test_a_secret_that_begins_another_takes_none_of_it_away() -> None:
    found, _ = hidden(
        {"a": {"password": "abc-123"}, "b": {"password": "abc-123-def"}, "c": "x abc-123-def y"}
    )
    assert found["b"]["password"] in found["c"]
    assert "def" not in found["c"]
