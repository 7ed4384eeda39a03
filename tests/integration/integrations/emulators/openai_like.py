"""OpenAI's format as Groq, Mistral and Azure speak it.

Groq: https://console.groq.com/docs/api-reference (in streams usage stands in `x_groq` of the last piece).
Mistral: https://docs.mistral.ai/api (usage comes with the finish reason, calls of tools in one piece).
Azure: https://learn.microsoft.com/azure/ai-foundry/openai/reference (the key is in the header `api-key`).
"""

from dataclasses import replace
from typing import Any

from flowmatik.testing.model_server import Step
from flowmatik.testing.model_server.desk import Desk, completed
from flowmatik.testing.model_server.http import Answer, Call
from flowmatik.testing.openai_server import wire
from flowmatik.testing.openai_server.app import OpenAI


class Groq(OpenAI):
    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        pieces = list(wire.chunks(replace(step, usage_in="last"), str(body["model"]), with_usage=True))
        if step.usage is not None:
            usage = pieces.pop()["usage"]
            pieces[-1]["x_groq"] = {"id": "req_scripted", "usage": usage}
        return [*(wire.event(piece) for piece in pieces), b"data: [DONE]\n\n"]


class Mistral(OpenAI):
    def events(self, step: Step, body: dict[str, Any]) -> list[bytes]:
        model = str(body["model"])
        pieces = list(wire.chunks(replace(step, usage_in="last", tools=()), model, with_usage=True))
        used = pieces.pop() if step.usage is not None else {}
        if not pieces:
            return [b"data: [DONE]\n\n"]
        end = pieces[-1]
        if step.tools:
            message = wire.completion(step, model)["choices"][0]["message"]
            calls = [{**call, "index": n} for n, call in enumerate(message["tool_calls"])]
            end["choices"][0]["delta"] = {"tool_calls": calls}
            end["choices"][0]["finish_reason"] = "tool_calls" if step.finish == "stop" else step.finish
        if step.finish and used:
            end["usage"] = used["usage"]
        return [*(wire.event(piece) for piece in pieces), b"data: [DONE]\n\n"]


class Azure(OpenAI):
    def key_of(self, call: Call) -> str:
        return call.headers.get("api-key", "") or super().key_of(call)


def groq_routes(desk: Desk, call: Call) -> Answer:
    vendor = Groq()
    found = call.path == "/openai/v1/chat/completions"
    return completed(desk, vendor, call) if found else vendor.error(404, f"Unknown request URL: {call.path}")


def mistral_routes(desk: Desk, call: Call) -> Answer:
    vendor = Mistral()
    found = call.path == "/v1/chat/completions"
    return completed(desk, vendor, call) if found else vendor.error(404, "no Route matched")


def azure_routes(desk: Desk, call: Call) -> Answer:
    """The v1 API, and a deployment by a dated version."""
    vendor = Azure()
    of_deployment = call.path.startswith("/openai/deployments/") and call.path.endswith("/chat/completions")
    if of_deployment or call.path == "/openai/v1/chat/completions":
        return completed(desk, vendor, call)
    return vendor.error(404, "Resource not found")
