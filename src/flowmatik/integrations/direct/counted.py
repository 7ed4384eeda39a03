"""What is believed of the usage that providers report."""

import logging

from flowmatik.contracts.models import ModelRequest, Usage
from flowmatik.integrations.direct.prices import most_tokens

log = logging.getLogger(__name__)

MOST_BELIEVED = 1_000_000_000  # tokens: no window is a thousandth of it, and its price fits every ledger


def believed(request: ModelRequest, usage: Usage, *, said: bool) -> Usage:
    """`usage` as it is to be settled. `said`: the answer holds anything that was written.

    Numbers that cannot be right are unknown, and settle at the worst case: no input, less than nothing,
    no output though something was said, more than any window holds. Numbers above the most that this call
    could use are believed all the same, for the provider will charge them, and flagged in the log.
    """
    into, out = usage.input_tokens, usage.output_tokens
    if into <= 0 or out < 0 or (said and out == 0) or max(into, out) > MOST_BELIEVED:
        if usage.known:
            log.warning("a usage is not believed", extra={"model": request.model, "in": into, "out": out})
        return Usage(known=False)
    if usage.known and _is_more_than_could_be(request, usage):
        log.warning(
            "a provider counts more tokens than the call could use",
            extra={"model": request.model, "in": into, "out": out, "most_out": request.max_output_tokens},
        )
    return usage


def _is_more_than_could_be(request: ModelRequest, usage: Usage) -> bool:
    """The exact bound is dear for long conversations, and needed only above what is surely sent."""
    if usage.output_tokens > request.max_output_tokens:
        return True
    if usage.input_tokens <= sum(len(message.content) for message in request.messages):
        return False
    return usage.input_tokens > most_tokens(request).input_tokens
