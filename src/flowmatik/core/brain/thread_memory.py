"""What a run knows of the conversation that it belongs to: the last messages word for word, the older ones as
a summary, which a model makes when there is one and a rule when there is none."""

from typing import Any, cast

from flowmatik.contracts.models import Message
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

THREAD = "thread"  # the adviser that knows the messages, and what it is asked for
KEY = f"{THREAD}//"  # where `RunState.advice` has it
DIGEST = "digest"  # the purpose of the call that summarises
LINE_CHARACTERS = 160
LINES = 40
SUMMARY_CHARACTERS = 4_000
_ASK = (
    "You keep the notes of a conversation. Write what a colleague must know to go on with it: names, "
    "figures, decisions, what was asked and what is still open. At most 200 words, in the language of the "
    "conversation. Add nothing that was not said."
)


def thread_memory(state: RunState) -> dict[str, Any] | None:
    """`summary` and `messages`, for prompts; None without a conversation, or when nothing was said before."""
    told = state.advice.get(KEY)
    if told is None or told.result is None:
        return None
    messages = _rows(told.result, "messages")
    summary = _summary(state, told.result)
    if not messages and not summary:
        return None
    shown = [{"from": row["from"], "text": row["text"]} for row in messages]
    return {"summary": summary, "messages": shown} if summary else {"messages": shown}


def older(state: RunState) -> list[dict[str, Any]]:
    """The messages that no summary has, and that are too old to be told word for word."""
    told = state.advice.get(KEY)
    return _rows(told.result, "older") if told is not None and told.result is not None else []


def digest_messages(state: RunState) -> tuple[Message, ...]:
    """What a model is asked to summarise."""
    told = state.advice[KEY].result or {}
    body = {
        "notes": str(told.get("summary") or ""),
        "messages": [{"from": row["from"], "text": row["text"]} for row in older(state)],
    }
    return Message(role="system", content=_ASK), Message(role="user", content=canonical.dumps(body))


def _summary(state: RunState, result: dict[str, Any]) -> str:
    if state.summarised is not None:
        return state.summarised.text
    lines = [f"{row['from']}: {_first_sentence(row['text'])}" for row in older(state)[-LINES:]]
    kept = str(result.get("summary") or "")
    return "\n".join([kept, *lines] if kept else lines)


def _first_sentence(text: str) -> str:
    """Of a text in one line, cut at a word."""
    flat = " ".join(text.split())
    ends = [at for mark in (". ", "? ", "! ") if (at := flat.find(mark)) >= 0]
    said = flat[: min(ends) + 1] if ends else flat
    return said if len(said) <= LINE_CHARACTERS else said[:LINE_CHARACTERS].rpartition(" ")[0] + " …"


def _rows(result: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows: Any = result.get(key)
    found = cast("list[Any]", rows) if isinstance(rows, list) else []
    return [
        cast("dict[str, Any]", row)
        for row in found
        if isinstance(row, dict) and {"from", "text"} <= row.keys()
    ]
