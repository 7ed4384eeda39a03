"""What an operator says of tools of others means what `@skill` means for own ones."""

from typing import Any

import pytest
from pydantic import ValidationError

from flowmatik.agents.mcp import McpServer, Pin, spec_of
from flowmatik.agents.openapi import OpenApi
from flowmatik.agents.tool_terms import told
from flowmatik.app.cli.tool_terms import GivenTerms
from flowmatik.contracts.tools import Effect, ToolSpec
from flowmatik.kernel.errors import InvalidInput

TERMS = {
    "scopes": ["memory:read"],
    "timeout": 5,
    "retries": 2,
    "rate_per_minute": 60,
    "labels": ["personal"],
    "labels_in": ["public"],
}


def spec(name: str, **said: Any) -> ToolSpec:
    server = McpServer.model_validate({"command": ["desk"], **said})
    pin = Pin(tool=f"desk_{name}", name=name, description="d", schema={}, annotations={}, sha256="")
    return spec_of("desk", server, pin)


def test_what_is_said_of_a_server_holds_for_each_of_its_tools() -> None:
    one = spec("echo", effect="read", **TERMS)
    assert (one.effect, one.timeout, one.retries, one.origin) == (Effect.READ, 5.0, 2, "mcp:desk")
    assert (one.scopes, one.labels, one.labels_in) == (("memory:read",), ("personal",), ("public",))
    assert (one.rate_per_minute, one.source_rate_per_minute) == (None, 60.0)
    assert told(one)["labels_in"] == ["public"]
    assert told(spec("echo")) == {}


def test_what_is_said_of_a_tool_stands_in_its_place_also_when_it_is_nothing() -> None:
    own: dict[str, Any] = {"effect": "idempotent", "timeout": 9, "scopes": [], "labels": [], "retries": 1}
    own |= {"rate_per_minute": 3}
    one = spec("echo", effect="read", **TERMS, per_tool={"echo": own})
    assert (one.effect, one.timeout, one.retries, one.scopes) == (Effect.IDEMPOTENT, 9.0, 1, ())
    assert (one.rate_per_minute, one.source_rate_per_minute) == (3.0, 60.0)
    assert (one.labels, one.labels_in) == ((), ("public",))
    assert spec("note", effect="read", **TERMS, per_tool={"echo": own}).scopes == ("memory:read",)


def test_a_tool_has_the_price_of_its_server_unless_it_has_its_own() -> None:
    prices = {"price_usd": 0.02, "per_tool": {"free": {"price_usd": 0}, "dear": {"price_usd": 1.5}}}
    assert [spec(name, **prices).price_usd for name in ("echo", "free", "dear")] == [0.02, 0.0, 1.5]
    assert (told(spec("dear", **prices))["price_usd"], told(spec("free", **prices))) == (1.5, {})


def test_prices_are_written_as_they_were_given() -> None:
    none = {"timeouts": None, "retries": None, "rates": None, "scopes": None, "labels": None}
    given = GivenTerms(**none, labels_in=None, prices=["0.02", "dear=1.5"])
    assert given.entry() == {"price_usd": 0.02, "per_tool": {"dear": {"price_usd": 1.5}}}
    with pytest.raises(InvalidInput, match="--price 'much' is no number"):
        GivenTerms(**none, labels_in=None, prices=["much"]).entry()


def test_what_acts_once_is_not_repeated_though_its_server_says_so() -> None:
    assert spec("note", retries=3).retries == 0
    assert spec("note", retries=3, effects={"note": "idempotent"}).retries == 3


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"scopes": ["memory:eat"]}, "there is no scope 'memory:eat'"),
        ({"per_tool": {"a": {"scopes": ["x"]}}}, "there is no scope 'x'"),
        ({"per_tool": {"a": {"retries": 1, "effect": "once"}}}, "take retries out"),
        ({"per_tool": {"a": {"effect": "read"}}, "effects": {"a": "read"}}, "say it once"),
        ({"per_tool": {"a": {"rate": 1}}}, "rate"),
        ({"price_usd": -0.1}, "greater than or equal to 0"),
        ({"price_usd": float("inf")}, "finite"),
        ({"per_tool": {"a": {"price_usd": 1e9}}}, "less than or equal"),
        ({"per_tool": {"a": {"price_usd": 1, "retries": 1}}}, "each attempt"),
        ({"price_usd": 1, "retries": 1}, "each attempt"),
        ({"retries": 1, "per_tool": {"a": {"price_usd": 1}}}, "each attempt"),
        ({"per_tool": {"a": {"effect": "maybe"}}}, "effect"),
        ({"labels": ["Not one"]}, "labels"),
        ({"retries": 6}, "less than or equal to 5"),
        ({"retries": True}, "retries"),
        ({"rate_per_minute": 0}, "rate_per_minute"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "nan"}, "timeout"),
    ],
)
def test_what_cannot_be_kept_is_refused_when_it_is_read(said: dict[str, Any], fault: str) -> None:
    for model, rest in ((McpServer, {"command": ["x"]}), (OpenApi, {"document": "a.json"})):
        with pytest.raises(ValidationError) as refused:
            model.model_validate({**rest, **said})
        assert fault in str(refused.value)


def test_bounds_of_a_tool_that_cannot_be_offered_are_refused() -> None:
    with pytest.raises(ValidationError, match="'b' is not one of the tools"):
        McpServer.model_validate({"command": ["x"], "tools": ["a"], "per_tool": {"b": {}}})
    with pytest.raises(ValidationError, match="'b' is not one of the operations"):
        OpenApi.model_validate({"document": "a.json", "operations": ["a"], "per_tool": {"b": {}}})
