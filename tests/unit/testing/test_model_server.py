"""The scripted servers' chance, limits and reading of requests, without a network."""

import json
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.testing.model_server import Latency, Limits, Step, Weather, load_script
from flowmatik.testing.model_server.http import read_call
from flowmatik.testing.model_server.limits import Keeper

PLACES = [(n + 0.5) / 1000 for n in range(1000)]


def test_the_weather_of_a_seed_is_the_same_in_every_life_and_another_ones_is_another() -> None:
    stormy = Weather(seed=7, errors=0.5, latency=Latency.parsed("lognormal:0.2:0.5"))
    calls = [stormy.of(n) for n in range(1000)]
    assert calls == [stormy.of(n) for n in range(1000)]
    assert calls != [Weather(seed=8, errors=0.5, latency=stormy.latency).of(n) for n in range(1000)]
    failed = [fault for fault, _ in calls if fault is not None]
    assert 430 < len(failed) < 570
    assert set(failed) == set(stormy.mix)
    assert 0.15 < median(wait for _, wait in calls) < 0.25


def test_fair_weather_spoils_nothing() -> None:
    assert {Weather().of(n) for n in range(100)} == {(None, 0.0)}
    assert all(Weather(errors=1.0).of(n)[0] is not None for n in range(100))


def test_latencies_have_their_shapes() -> None:
    assert {Latency.parsed("constant:0.25").at(place) for place in PLACES} == {0.25}
    assert {Latency.parsed("list:0.1,0.2,5").at(place) for place in PLACES} == {0.1, 0.2, 5.0}
    drawn = [Latency.parsed("lognormal:0.3:1").at(place) for place in PLACES]
    assert median(drawn) == pytest.approx(0.3, rel=0.01)
    assert drawn[840] / drawn[500] == pytest.approx(2.718, rel=0.05)  # one sigma


@pytest.mark.parametrize(
    "text", ["", "0.2", "constant:", "constant:-1", "lognormal:x", "list:1,,2", "odd:1", "constant:nan"]
)
def test_an_unusable_latency_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot use the latency"):
        Latency.parsed(text)


def test_a_limit_of_requests_fills_up_again() -> None:
    now = [0.0]
    keeper = Keeper(Limits(requests=60), lambda: now[0])
    assert [keeper.refused(1, 0) for _ in range(60)] == [None] * 60
    refused = keeper.refused(1, 0)
    assert refused is not None
    assert (refused.what, refused.seconds) == ("requests", pytest.approx(1.0))
    now[0] = 2.0
    assert [keeper.refused(1, 0) is None for _ in range(3)] == [True, True, False]


def test_tokens_and_calls_at_once_are_limited_too_and_a_refused_call_takes_nothing() -> None:
    keeper = Keeper(Limits(tokens=100, concurrent=2), lambda: 0.0)
    too_many, too_much = keeper.refused(10, 2), keeper.refused(101, 0)
    assert too_many is not None
    assert too_much is not None
    assert (too_many.what, too_much.what) == ("concurrent", "tokens")
    assert keeper.refused(100, 1) is None


def test_a_request_is_read_from_any_pieces() -> None:
    whole = b"POST /v1/x?y=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET /"
    for size in range(len(whole) - 5):
        assert read_call(whole[:size]) is None
    read = read_call(whole)
    assert read is not None
    assert read != "continue"
    call, rest = read
    assert (call.method, call.path, call.body, call.headers["host"], rest) == (
        "POST",
        "/v1/x",
        b"body",
        "h",
        b"GET /",
    )


def test_a_body_in_chunks_is_read() -> None:
    head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"3\r\nabc\r\n4;x=1\r\ndefg\r\n0\r\n\r\n"
    for size in range(len(body)):
        assert read_call(head + body[:size]) is None
    read = read_call(head + body)
    assert read is not None
    assert read != "continue"
    assert (read[0].body, read[1]) == (b"abcdefg", b"")


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense",
        b"GET / HTTP/2",
        b"GET / HTTP/1.1\r\ncontent-length: -1",
        b"GET / HTTP/1.1\r\ncontent-length: x",
    ],
)
def test_what_is_no_request_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"request|length|literal"):
        read_call(head + b"\r\n\r\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_none(data: bytes) -> None:
    try:
        assert read_call(data) is None or data
    except ValueError:
        assert b"\r\n\r\n" in data


def test_a_script_may_use_every_field(tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    step = {
        "kind": "rate_limited",
        "retry_after": 2,
        "retry_form": "date",
        "headers": {"x-a": "b"},
        "usage": None,
        "prose": "tag",
        "cut_at": 1,
    }
    script.write_text(json.dumps([step, {"usage_in": "every"}]))
    first, second = load_script(script)
    assert first == Step(
        kind="rate_limited",
        retry_after=2,
        retry_form="date",
        headers=(("x-a", "b"),),
        usage=None,
        prose="tag",
        cut_at=1,
    )
    assert second.usage_in == "every"


@pytest.mark.parametrize(
    "step",
    [
        {"prose": "odd"},
        {"retry_form": "x"},
        {"cut_at": 2},
        {"usage": [1]},
        {"usage_in": ""},
        {"streams": "no"},
    ],
)
def test_an_unusable_step_says_what_is_wrong(step: dict[str, object], tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    script.write_text(json.dumps([step]))
    with pytest.raises(ConfigurationError, match="cannot use the script"):
        load_script(script)
