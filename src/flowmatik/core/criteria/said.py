"""Checks in words: English here, for models and logs; by code and values for the catalogues."""

from typing import Any, cast

from flowmatik.contracts.runs import Check

ENGLISH = {
    "schema.fits": "fits",
    "schema.fault": "{fault}",
    "support.held": "the figures, dates and names of the text stand in the cited passages: {count} sentences",
    "support.none": "no sentence needs the support of a passage",
    "support.unchecked": "nobody here can tell whether the citations resolve",
    "support.loose": "what does not stand in the cited passages, by sentence: {what}",
    "support.marked": "sentences marked because the cited passages do not support them: {count} ({what})",
    "support.dropped": "sentences left out because the cited passages do not support them: {count} ({what})",
    "support.nothing_left": "no sentence is supported by what it cites: {what}",
    "tool_evidence.none": "the text claims nothing that a tool has to prove",
    "tool_evidence.proven": "what the text says was done, a tool did: {phrases}",
    "tool_evidence.unproven": "the text says {phrase!r}, but no call of {tools} succeeded in this task; do "
    "it or say that it was not done",
    "arithmetic.none": "the text states no calculation",
    "arithmetic.right": "calculations made again: {count}",
    "arithmetic.wrong": "{stated!r} is wrong: it is {result}",
    "policy.kept": "the text keeps to the policy",
    "policy.forbidden": "the text says {phrase!r}, which it must not",
    "policy.missing": "the text must say {phrase!r}",
    "policy.off_topic": "the text is about none of: {topics}",
    "policy.long": "the text has {count} characters; at most {most} are allowed",
    "policy.short": "the text has {count} characters; at least {least} are asked for",
    "policy.language": "the text is not in the language {language}",
    "judge.passed": "{model} agrees ({score}): {said}",
    "judge.failed": "{model} does not agree ({score}): {said}",
    "judge.malformed": "{model} gave no verdict that can be read, which counts as none",
    "judge.refused": "{model} refused to judge: {said}",
    "judge.away": "{model} could not be asked: {fault}",
}


def check(criterion: str, code: str, passed: bool, *, optional: bool = False, **values: Any) -> Check:
    key = f"{criterion}.{code}"
    said = {name: _english(value) for name, value in values.items()}
    detail = ENGLISH[key].format(**said)
    return Check(
        criterion=criterion, passed=passed, detail=detail, code=key, values=values, optional=optional
    )


def _english(value: Any) -> Any:
    """A fault among the values in words: by its text, behind the place where it stands."""
    if not isinstance(value, dict):
        return value
    fault = cast("dict[str, Any]", value)
    return f"{fault['place']}: {fault['text']}" if fault.get("place") else fault["text"]
