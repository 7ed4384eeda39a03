"""OpenAI's format where Groq and Azure have it, with Azure's own header for the key."""

from dataclasses import replace

from flowmatik.testing.model_server.desk import Desk
from flowmatik.testing.model_server.http import Answer, Call
from flowmatik.testing.openai_server.app import routes as openai_routes

CALL = "/chat/completions"


def routes(desk: Desk, call: Call) -> Answer:
    """`/openai/v1/…` and `/openai/deployments/<name>/…` are answered as `/v1/…`."""
    headers = dict(call.headers)
    if key := headers.get("api-key"):
        headers["authorization"] = f"Bearer {key}"
    elsewhere = call.path.startswith("/openai/") and call.path.endswith(CALL)
    path = f"/v1{CALL}" if elsewhere else "/not-found"
    return openai_routes(desk, replace(call, path=path, headers=headers))
