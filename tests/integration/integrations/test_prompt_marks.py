"""Anthropic is told what to keep of a prompt, when it will be sent again; and only then."""

import json

from flowmatik.contracts.models import Message, ModelRequest, ToolSchema
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.testing.anthropic_server import AnthropicServer
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.model_server import Step

TOOL = ToolSchema(name="look", description="Look.", parameters={"type": "object", "properties": {}})


async def test_the_beginning_that_comes_again_is_marked_and_nothing_else() -> None:
    said = (Message(role="system", content="Be brief."), Message(role="user", content="Hello"))
    with AnthropicServer(Step(text="Hi.")) as server:
        settings = ProviderSettings(base_url=server.address, api_key="k")
        gateway = Gateway(GatewaySettings(providers={"anthropic": settings}), SkippingClock())
        for again in (True, False):
            request = ModelRequest(model="anthropic/some-model", messages=said, tools=(TOOL,), again=again)
            assert (await gateway.complete(request)).text == "Hi."
        await gateway.close()
        marked, plain = (one["body"] for one in server.calls)
    assert marked["tools"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert marked["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert marked["cache_control"]["type"] == "ephemeral"
    assert "cache_control" not in json.dumps(plain)
