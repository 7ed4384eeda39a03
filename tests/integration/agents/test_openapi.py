"""An API over real HTTP by its OpenAPI document."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flowmatik.agents.openapi import Api, OpenApi, OpenApiBox, operations_of, read_document
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import InvalidInput, ToolError, ToolInputInvalid, ToolOutcomeUnknown
from flowmatik.testing.app_server import served
from flowmatik.testing.crm_api import DOCUMENT, CrmApi
from tests.integration.agents.mcp_homes import CONTEXT


@asynccontextmanager
async def crm(**settings: Any) -> AsyncGenerator[tuple[CrmApi, OpenApiBox]]:
    api = CrmApi()
    document = read_document(json.dumps(DOCUMENT), "crm.json")
    operations, faults = operations_of(document, "crm")
    assert faults == []
    given = {"document": "crm.json", "allow_private": True, "timeout": 5.0, **settings}
    async with served(api.app()) as address:
        one = Api(name="crm", settings=OpenApi.model_validate(given), base_url=address, operations=operations)
        box = OpenApiBox([one])
        try:
            yield api, box
        finally:
            await box.close()


def test_operations_become_tools_with_one_schema_and_an_effect_each() -> None:
    operations, _ = operations_of(read_document(json.dumps(DOCUMENT), "crm.json"), "crm")
    assert [(one.tool, one.effect.value) for one in operations] == [
        ("crm_list_customers", "read"),
        ("crm_create_customer", "once"),
        ("crm_get_customer", "read"),
        ("crm_put_customer", "idempotent"),
        ("crm_delete_customer", "idempotent"),
        ("crm_send_mail", "idempotent"),
        ("crm_odd", "read"),
        ("crm_me", "read"),
    ]
    body = operations[1].schema["properties"]["body"]
    assert operations[1].schema["required"] == ["body"]
    assert (body["required"], sorted(body["properties"])) == (["name"], ["email", "name", "parent"])
    assert body["properties"]["email"]["type"] == ["string", "null"]
    assert "Customer within itself" in body["properties"]["parent"]["description"]


async def test_arguments_go_where_the_document_says() -> None:
    async with crm() as (api, box):
        found = await box.call(
            "crm_list_customers", {"q": "a b&c", "tag": ["x", "y"], "X-Region": "eu"}, CONTEXT
        )
        assert found["status"] == 200
        method, path, headers, _ = api.requests[0]
        assert (method, path, headers["x-region"]) == ("GET", "/customers?q=a+b%26c&tag=x&tag=y", "eu")
        await box.call("crm_create_customer", {"body": {"name": "Ada"}}, CONTEXT)
        method, path, headers, body = api.requests[1]
        assert (method, body, headers["idempotency-key"]) == ("POST", {"name": "Ada"}, "k1")
        assert await box.call("crm_delete_customer", {"id": "a/b"}, CONTEXT) == {"status": 204}
        assert api.requests[2][1] == "/customers/a/b"  # as the server unquotes it


async def test_arguments_that_do_not_fit_are_never_sent() -> None:
    async with crm() as (api, box):
        for name, arguments in (
            ("crm_get_customer", {}),
            ("crm_get_customer", {"id": ".."}),
            ("crm_create_customer", {"body": {"name": ""}}),
            ("crm_list_customers", {"X-Region": "eu\r\nX-Admin: 1"}),
            ("crm_list_customers", {"other": 1}),
        ):
            with pytest.raises(ToolInputInvalid):
                await box.call(name, arguments, CONTEXT)
        assert api.requests == []


@pytest.mark.parametrize(
    ("what", "code", "retryable"),
    [
        ("404", "tool.openapi.status", False),
        ("429", "tool.openapi.status", True),
        ("500", "tool.openapi.status", True),
        ("away", "tool.openapi.redirect", False),
        ("huge", "tool.too_large", False),
    ],
)
async def test_whatever_an_api_answers_is_a_clear_error(what: str, code: str, retryable: bool) -> None:
    async with crm() as (_, box):
        with pytest.raises(ToolError) as caught:
            await box.call("crm_odd", {"id": what}, CONTEXT)
        assert (caught.value.code, caught.value.retryable) == (code, retryable)
        if what == "429":
            assert caught.value.context["retry_after"] == 7


async def test_a_redirect_within_the_host_is_followed_for_what_only_reads() -> None:
    async with crm() as (_, box):
        assert (await box.call("crm_odd", {"id": "near"}, CONTEXT))["body"]["path"] == "/customers?q=near"
        assert await box.call("crm_odd", {"id": "text"}, CONTEXT) == {"status": 200, "text": "plain"}


async def test_a_fault_of_the_server_leaves_an_effect_in_doubt_and_a_hanging_read_not() -> None:
    async with crm(timeout=0.3) as (_, box):
        with pytest.raises(ToolOutcomeUnknown) as caught:
            await box.call("crm_send_mail", {}, CONTEXT)
        assert "the mail server is full" in caught.value.message
        with pytest.raises(ToolError) as hanging:
            await box.call("crm_odd", {"id": "hang"}, CONTEXT)
        assert hanging.value.code == "tool.timeout"


@pytest.mark.parametrize("base", ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"])
async def test_a_private_address_is_not_called_unless_the_operator_says_so(base: str) -> None:
    operations, _ = operations_of(read_document(json.dumps(DOCUMENT), "crm.json"), "crm")
    settings = OpenApi(document="crm.json")
    box = OpenApiBox([Api(name="crm", settings=settings, base_url=base, operations=operations)])
    with pytest.raises(ToolError) as caught:
        await box.call("crm_me", {}, CONTEXT)
    assert caught.value.code == "tool.private_address"
    await box.close()


def faults_of(**paths: Any) -> list[str]:
    text = json.dumps({"openapi": "3.1.0", "paths": {f"/{name}": one for name, one in paths.items()}})
    return [fault.line() for fault in operations_of(read_document(text, "x.json"), "x")[1]]


def test_what_is_wrong_with_a_document_is_told_with_its_place() -> None:
    loop = {"$ref": "#/paths/~1a/get"}
    assert faults_of(a={"get": loop}) == ["#/paths/~1a/get: the reference '#/paths/~1a/get' leads to itself"]
    assert faults_of(b={"get": {"requestBody": {"$ref": "#/nowhere"}}}) == [
        "#/paths/~1b/get/requestBody: the reference '#/nowhere' leads nowhere"
    ]
    wrong = {"name": "n", "in": "query", "schema": {"type": "strange"}}
    (said,) = faults_of(c={"get": {"parameters": [wrong]}})
    assert said.startswith("#/paths/~1c/get: its schema cannot be used: 'strange' is not valid")
    outside = {"name": "n", "in": "query", "schema": {"$ref": "https://example.com/schema.json"}}
    (said,) = faults_of(d={"get": {"parameters": [outside]}})
    assert "leads out of the document" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "x.json:1:2: not JSON"),
        ("openapi: 3.1.0\npaths: [", "x.json:2:"),
        ("openapi: 2.0\npaths: {}", "versions 3.0 and 3.1"),
        ("a: &a [1]\nb: *a", "x.json:2:4: not YAML: a reference"),
        ("openapi: 3.1.0", "#/paths"),
    ],
)
def test_a_document_that_is_none_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_document(text, "x.json")
    assert said in caught.value.message


def test_a_schema_that_unfolds_without_end_is_refused_in_a_moment() -> None:
    schemas: dict[str, Any] = {
        f"S{n}": {"properties": {str(k): {"$ref": f"#/components/schemas/S{n + 1}"} for k in range(10)}}
        for n in range(30)
    }
    schemas["S30"] = {"type": "string"}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}
    text = json.dumps(
        {
            "openapi": "3.0.0",
            "paths": {"/a": {"post": {"requestBody": body}}},
            "components": {"schemas": schemas},
        }
    )
    (fault,) = operations_of(read_document(text, "x.json"), "x")[1]
    assert "more than 20000 parts" in fault.said


def test_two_operations_of_one_name_get_two() -> None:
    paths = {"/a": {"get": {"operationId": "get-it"}}, "/b": {"get": {"operationId": "getIt"}}}
    operations, _ = operations_of(read_document(json.dumps({"openapi": "3.1.0", "paths": paths}), "x"), "x")
    assert [one.tool for one in operations] == ["x_get_it", "x_get_it_2"]
    assert {one.effect for one in operations} == {Effect.READ}
