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


OWN = (
    "run_01a22396c1657776875521444b4f1efd",
    "call_01a22396c2b5716798817983b53eb1b4",
    "257c9e92816306786664f298fbdf4a00",
    "5d8f6cce532a7aeb57196be62344095936793400b3aeb3580d248b17d5518a86",
    "00-08490295488a1189099751ebeddb5992-08490295488a1189-01",
    "f65ccfbf-ec28-8565-c1d4-142759855477",
    "clerk@000725697278",
)


@pytest.mark.parametrize("name", OWN)
def test_ids_and_hashes_with_digits_that_look_like_a_card_stay(name: str) -> None:
    said = f"Ana's card 4111 1111 1111 1111 was charged by {name}."
    found, hider = hidden([name, said])
    assert found[0] == name
    assert found[1] == f"Ana's card [card 1] was charged by {name}."
    assert hider.counts == {"card": 1}


def test_a_number_in_no_such_form_is_hidden_still() -> None:
    for said in ("4111111111111111", "id 4111111111111111.", "x@4111111111111111", "12345678Z"):
        found, _ = hidden([said])
        assert found != [said], said


@pytest.mark.parametrize("at", ["2026-11-28T23:19:12.345678Z", "2026-11-28T23:19:25.123456+00:00"])
def test_times_are_no_personal_data(at: str) -> None:
    assert hidden({"at": at, "said": f"nothing came until {at}"})[0]["said"].endswith(at)
