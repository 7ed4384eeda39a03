"""Which models take a temperature. From the others the library would drop it, and warn at every call."""

from collections.abc import Mapping
from typing import cast

REFUSED = ("anthropic_disallows_sampling_settings", "bedrock_disallows_sampling_settings")


def takes_temperature(profile: Mapping[str, object]) -> bool:
    """By Pydantic AI's profile of the model: models refuse it that always reason, or do so unless they are
    told not to."""
    if any(profile.get(name) for name in REFUSED):
        return False
    if not profile.get("openai_supports_reasoning"):
        return True
    efforts = profile.get("openai_reasoning_efforts")
    silent = (
        "none" in cast("frozenset[str]", efforts)
        if efforts is not None
        else bool(profile.get("openai_supports_reasoning_effort_none"))
    )
    return silent and not profile.get("thinking_enabled_by_default")
