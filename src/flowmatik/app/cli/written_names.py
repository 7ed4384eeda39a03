"""Errors name the fields of the API; whoever typed a command sees them as they are typed there."""

import re
from collections.abc import Mapping, Sequence

from flowmatik.app.cli.arguments import command_of

TYPED: Mapping[str, Mapping[str, str]] = {
    "facts": {
        "valid_from": "--since",
        "valid_until": "--until",
        "valid_at": "--valid",
        "recorded_at": "DATE",
        "at": "--at",
        "owner": "--owner",
        "subject": "SUBJECT",
        "predicate": "PREDICATE",
        "value": "VALUE",
    },
    "limits": {
        "scope": "SCOPE",
        "most": "--most",
        "per_minute": "--per-minute",
        "burst": "--burst",
        "weight": "--weight",
    },
    "budgets": {"limit": "USD", "thresholds": "--at"},
    "alerts": {"url": "URL", "secret": "--secret", "kinds": "--kind", "language": "--language"},
    "factory": {
        "skills": "--skill",
        "tools": "--tool",
        "effect": "--effect",
        "task_usd": "--task-usd",
        "most_a_day": "--most-a-day",
    },
}


def as_typed(message: str, arguments: Sequence[str]) -> str:
    """A name that is also a word of a language only where the message begins with it."""
    for field, typed in TYPED.get(command_of(arguments), {}).items():
        anywhere = r"(?<![\w.-])" if "_" in field else r"^"
        message = re.sub(rf"{anywhere}{field}\b(?=:? |$)", typed, message)
    return message
