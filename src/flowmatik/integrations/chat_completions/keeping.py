"""How services that speak OpenAI's format are told to keep a prompt that is sent again."""

from typing import Any

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.prompt_keys import prompt_key
from flowmatik.integrations.provider import model_name


def nothing(request: ModelRequest) -> dict[str, Any]:
    del request
    return {}


def by_key(request: ModelRequest) -> dict[str, Any]:
    """OpenAI keeps prompts by itself; the key leads those of one run to the machine that has them
    (https://platform.openai.com/docs/guides/prompt-caching)."""
    key = prompt_key(request)
    return {"openai_prompt_cache_key": key} if key else {}


def by_mark(request: ModelRequest) -> dict[str, Any]:
    """OpenRouter keeps what others' models keep by themselves; Anthropic's want to be told
    (https://openrouter.ai/docs/guides/best-practices/prompt-caching)."""
    if not request.again or not model_name(request).startswith("anthropic/"):
        return {}
    return {"extra_body": {"cache_control": {"type": "ephemeral"}}}
