"""The pure parts of the providers that are asked through Pydantic AI."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.models import Message, ModelRequest, ToolSchema, Usage
from flowmatik.integrations.direct.address import api_root, host_root
from flowmatik.integrations.direct.json_text import arguments_in, json_object_in
from flowmatik.integrations.direct.prices import ModelPrice, PriceList, most_tokens
from flowmatik.integrations.direct.retrying import LONGEST_ASKED, Patience
from flowmatik.integrations.direct.schemas import is_closed
from flowmatik.kernel.errors import ConfigurationError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "given_url",
    [
        "https://api.302.ai",
        "https://api.302.ai/",
        "https://api.302.ai/v1",
        "https://api.302.ai/v1/",
        " https://api.302.ai/v1/chat/completions ",
        "https://api.302.ai/v1/chat/completions/",
        "https://api.302.ai/chat/completions",
    ],
)
def test_an_address_is_taken_as_people_paste_it(given_url: str) -> None:
    assert api_root(given_url, "p") == "https://api.302.ai/v1"


def test_an_address_with_another_path_keeps_it() -> None:
    assert api_root("http://host:8080/openai/v2/chat/completions", "p") == "http://host:8080/openai/v2"


@pytest.mark.parametrize(
    "bad", ["", "api.302.ai", "ftp://x/v1", "https://", "https://user:pw@x/v1", "https://x/v1?k=1"]
)
def test_an_address_that_cannot_be_one_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="'p'") as raised:
        api_root(bad, "p")
    assert "pw" not in raised.value.message


@given(
    st.dictionaries(st.text(), JSON, min_size=1),
    st.text(alphabet="abc \n`.:,]})"),
    st.text(alphabet="abc \n`.:,[("),
)
def test_an_object_is_found_among_words(value: dict[str, Any], before: str, after: str) -> None:
    assert json.loads(json_object_in(before + json.dumps(value) + after)) == value


@given(st.text(alphabet='abc[]}" '))
def test_text_without_an_object_stays_as_it_is(text: str) -> None:
    assert json_object_in(text) == text


@given(st.text())
def test_arguments_are_an_object_or_nothing(raw: str) -> None:
    read = arguments_in(raw)
    assert read is None or isinstance(read, dict)


@given(st.dictionaries(st.text(), JSON))
def test_arguments_survive_their_way(value: dict[str, Any]) -> None:
    assert arguments_in(json.dumps(value)) == value


def test_a_deeply_nested_text_is_no_trap() -> None:
    assert arguments_in("[" * 100_000) is None
    deep = '{"a":' * 100_000
    assert json_object_in(deep[:5_000]) == deep[:5_000]


@given(st.text(), st.integers(0, 5000), st.floats(0, 100), st.floats(0, 100))
def test_the_worst_case_is_never_below_what_a_call_can_cost(text: str, out: int, a: float, b: float) -> None:
    """One token a byte and the longest answer is the most that any tokenizer can bill."""
    tool = ToolSchema(name="t", description=text, parameters={"type": "object"})
    request = ModelRequest(
        model="p/m", messages=(Message(role="user", content=text),), tools=(tool,), max_output_tokens=out
    )
    prices = PriceList(own={"m": (a, b)})
    most = most_tokens(request)
    billed = Usage(input_tokens=2 * len(text.encode("utf-8", "surrogatepass")), output_tokens=out)
    assert most.input_tokens >= billed.input_tokens
    worst, real = prices.micros("m", most), prices.micros("m", billed)
    assert worst is not None
    assert real is not None
    assert worst >= real


def test_own_prices_go_before_the_public_list_and_fractions_are_rounded_up() -> None:
    own = PriceList(own={"gpt-4.1-mini": (0.1, 0.0)}, provider_id="openai")
    assert own.micros("gpt-4.1-mini", Usage(input_tokens=1, output_tokens=0)) == 1
    assert own.micros("gpt-4.1-mini", Usage(input_tokens=100, output_tokens=9)) == 10


def test_the_public_list_knows_a_common_model_and_not_an_invented_one() -> None:
    listed = PriceList(own={}, provider_id="openai")
    known = listed.micros("gpt-4.1-mini", Usage(input_tokens=1_000_000, output_tokens=0))
    assert known is not None
    assert 10_000 < known < 10_000_000  # between 1 cent and 10 dollars a million tokens
    assert listed.micros("no-such-model-x", Usage(input_tokens=1, output_tokens=1)) is None
    assert (
        PriceList(own={}, base_url="http://localhost:1/v1").micros("gpt-4.1-mini", Usage(input_tokens=1))
        is None
    )


@given(st.integers(1, 10), st.floats(0, 1000), st.none() | st.floats(-10, 100_000))
def test_waiting_is_bounded_and_ends_before_the_deadline(
    attempt: int, now: float, asked: float | None
) -> None:
    wait = Patience(attempts=5, deadline=500.0).delay(attempt, now, asked)
    if wait is not None:
        assert attempt < 5
        assert 0 <= wait <= LONGEST_ASKED
        assert now + wait < 500.0
    if asked is not None and wait is not None and asked <= LONGEST_ASKED:
        assert wait >= asked


@pytest.mark.parametrize("given_url", ["https://h", "https://h/", "https://h/v1", " https://h/v1/ "])
def test_the_address_for_a_client_that_adds_the_version_itself_has_none(given_url: str) -> None:
    assert host_root(given_url, "p") == "https://h"


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_most_is_never_below_what_a_cache_makes_of_the_price(
    plain: int, cached: int, written: int, out: int
) -> None:
    usage = Usage(
        input_tokens=plain + cached + written,
        output_tokens=out,
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )
    for prices, model in (
        (PriceList(own={"m": (1.0, 5.0)}, own_cached={"m": (0.1, 1.25)}), "m"),
        (PriceList(own={"m": (1.0, 5.0)}, own_cached={"m": (2.0, 0.5)}), "m"),
        (PriceList(own={}, provider_id="anthropic"), "claude-sonnet-4-5"),
        (PriceList(own={}, provider_id="google"), "gemini-2.5-pro"),
    ):
        most, real = (
            prices.most_micros(model, Usage(input_tokens=usage.input_tokens, output_tokens=out)),
            prices.micros(model, usage),
        )
        assert most is not None
        assert real is not None
        assert most >= real


def test_the_public_list_knows_what_reading_and_writing_a_cache_costs() -> None:
    listed = PriceList(own={}, provider_id="anthropic")
    plain = listed.micros("claude-sonnet-4-5", Usage(input_tokens=1000))
    assert plain is not None
    read = listed.micros("claude-sonnet-4-5", Usage(input_tokens=1000, cached_input_tokens=1000))
    written = listed.micros("claude-sonnet-4-5", Usage(input_tokens=1000, cache_write_tokens=1000))
    assert (read, written) == (plain // 10, plain * 5 // 4)


def test_a_cache_that_is_larger_than_the_input_is_paid_as_input() -> None:
    prices = PriceList(own={"m": (1.0, 0.0)}, own_cached={"m": (0.0, 0.0)})
    assert prices.micros("m", Usage(input_tokens=10, cached_input_tokens=90)) == 100


def test_a_long_call_is_paid_at_its_own_price_from_the_first_token() -> None:
    long = ModelPrice(input=2.0, output=10.0)
    prices = PriceList(own={}, catalogue={"m": ModelPrice(input=1.0, output=5.0, above=100, long=long)})
    assert prices.micros("m", Usage(input_tokens=100, output_tokens=1)) == 105
    assert prices.micros("m", Usage(input_tokens=101, output_tokens=1)) == 212


@pytest.mark.parametrize(
    ("schema", "closed"),
    [
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {}}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [{"type": "string"}, {"type": ["object", "null"]}]}, False),
        ({"type": "string", "enum": ["object"]}, True),
        ({"$defs": {"a": {"properties": {}, "additionalProperties": {"type": "string"}}}}, False),
    ],
)
def test_a_schema_is_closed_if_every_object_in_it_is(schema: dict[str, Any], closed: bool) -> None:
    assert is_closed(schema) == closed
