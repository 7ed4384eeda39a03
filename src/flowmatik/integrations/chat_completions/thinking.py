"""How much models think that think unless they are told not to. What they think counts as answer: of a short
one nothing would be left.

By OpenAI's page of gpt-6-luna (developers.openai.com/api/docs/models/gpt-6-luna): medium where nothing is
said, and asked by chat completions such models take tools only when they are told not to think.
"""

from typing import Literal

from pydantic_ai.profiles.openai import openai_model_profile

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.provider import model_name

SHORT_TOKENS = 1024
LONG_TOKENS = 4096


def effort(request: ModelRequest, *, by_responses: bool) -> Literal["none", "low"] | None:
    """None leaves it to the model."""
    name = model_name(request)
    profile = openai_model_profile(name.partition("/")[2] or name)
    able = profile.get("openai_supports_reasoning_effort_none")
    if not (able and profile.get("thinking_enabled_by_default")):
        return None
    if (request.tools and not by_responses) or request.max_output_tokens < SHORT_TOKENS:
        return "none"
    return "low" if request.max_output_tokens < LONG_TOKENS else None
