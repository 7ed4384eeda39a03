"""Policies about a text: what it must and must not say, about what, how long, in which language."""

from typing import Any

from flowmatik.contracts.criteria import Policy
from flowmatik.core.reading.words import folded, language_of, pattern_of

Broken = tuple[str, dict[str, Any]]  # code, values


def broken_rule(policy: Policy, text: str) -> Broken | None:
    """The first rule that the text breaks."""
    flat = folded(text)
    if policy.forbid and (match := pattern_of(policy.forbid).search(flat)):
        return "forbidden", {"phrase": text[match.start() : match.end()]}
    for phrase in policy.require:
        if not pattern_of((phrase,)).search(flat):
            return "missing", {"phrase": phrase}
    if policy.topics and not pattern_of(policy.topics).search(flat):
        return "off_topic", {"topics": ", ".join(policy.topics)}
    if policy.max_characters is not None and len(text) > policy.max_characters:
        return "long", {"count": len(text), "most": policy.max_characters}
    if len(text) < policy.min_characters:
        return "short", {"count": len(text), "least": policy.min_characters}
    if policy.language and (language_of(text) or policy.language) != policy.language:
        return "language", {"language": policy.language}
    return None
