"""By what providers put prompts together that begin alike."""

import hashlib

from flowmatik.contracts.models import ModelRequest


def prompt_key(request: ModelRequest) -> str:
    """The same for all prompts of a run, and nothing that tells which run it is; "" where nothing of the
    prompt comes again."""
    if not request.again or not request.run_id:
        return ""
    return hashlib.sha256(request.run_id.encode()).hexdigest()[:32]
