"""What a provider's refusal says of the model's window.

There is no standard for it; these are the words of OpenAI, Anthropic, Mistral, Groq, vLLM, llama.cpp, and of
gateways before them."""

import re

from flowmatik.kernel.errors import FlowmatikError, ModelRejected

OVERFLOW = "model.context_overflow"
_SAYS_SO = re.compile(
    r"context[ _-]?(length|window|size)|maximum context|prompt is too long|too many (input )?tokens"
    r"|exceeds? (the )?(available|max\w*) (context|tokens|model length)|input is too long",
    re.IGNORECASE,
)
_WINDOW = (
    re.compile(
        r"(?:maximum|max|model's)\s+context\s+(?:length|window|size)\s*(?:is|of|:)?\s*([\d,_]+)", re.I
    ),
    re.compile(r"(?:available\s+)?context\s+(?:length|window|size)\s*(?:\(|of|is|:)\s*([\d,_]+)", re.I),
    re.compile(r"tokens?\s*>\s*([\d,_]+)\s*(?:maximum|max)", re.I),
    re.compile(r"(?:limit|maximum)\s+(?:is|of)\s+([\d,_]+)\s+tokens", re.I),
)


def is_overflow(error: FlowmatikError) -> bool:
    """Whether the request was refused, free of charge, because it is too long."""
    if not isinstance(error, ModelRejected):
        return False
    if error.code == OVERFLOW:
        return True
    return error.context.get("status") in (400, 413, 422) and bool(_SAYS_SO.search(error.message))


def window_in(error: FlowmatikError) -> int | None:
    """In tokens, where it says so."""
    said = f"{error.message} {error.context.get('reply', '')}"
    for pattern in _WINDOW:
        if found := pattern.search(said):
            number = int(re.sub(r"\D", "", found[1]) or 0)
            if number > 0:
                return number
    return None
