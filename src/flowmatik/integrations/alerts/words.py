"""What an alert says: the event as CloudEvents 1.0 has it in JSON, and a sentence for people. The sentence
stands in `text`, which is what Slack, Mattermost and Google Chat show of what is posted to them."""

from collections.abc import Callable, Mapping
from typing import Any

from flowmatik.contracts.alerts import BREAKER_EVENT, TEST_EVENT
from flowmatik.contracts.budgets import ALERT_EVENT
from flowmatik.kernel import canonical
from flowmatik.kernel.events import CloudEvent

LANGUAGES = ("en", "es")
FULL = 100  # per cent
MICROS = 1_000_000
Say = Callable[[str, str, Mapping[str, object]], str]  # language, code, values


def body_of(event: CloudEvent, language: str, say: Say) -> bytes:
    code, values = said_of(event)
    texts = {one: say(one, code, values) for one in LANGUAGES}
    return canonical.dumps({**event.to_json(), "text": texts[language], "texts": texts}).encode()


def said_of(event: CloudEvent) -> tuple[str, dict[str, object]]:
    """Code and values of the sentence."""
    data: dict[str, Any] = event.data
    values: dict[str, object] = {"workspace": event.workspace_id}
    match event.type:
        case t if t == ALERT_EVENT:
            full = data["threshold"] >= FULL
            values |= {
                "scope": data["scope"],
                "period": data["period"] or "–",
                "threshold": data["threshold"],
                "used": _usd(data["used_micros"]),
                "limit": _usd(data["limit_micros"]),
            }
            return ("budget_soft" if data["soft"] else "budget_full") if full else "budget", values
        case t if t == BREAKER_EVENT:
            values |= {"deployment": data["deployment"], "model": data["model"], "seconds": data["seconds"]}
            return "breaker", values
        case t if t == TEST_EVENT:
            return "test", values
        case _:
            return "other", {**values, "type": event.type}


def _usd(micros: int) -> str:
    return f"{micros / MICROS:.6f}".rstrip("0").rstrip(".")
