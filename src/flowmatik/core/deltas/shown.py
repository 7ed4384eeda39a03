"""What of a model's words a person may see while they are being written."""

import re
from typing import Any, cast

from pydantic_core import from_json

from flowmatik.contracts.models import ModelRequest
from flowmatik.core import events as ev
from flowmatik.core.state import RunState

MEMBER = "text"  # of a finding
_JSON = re.compile(r"[{\[]")
HALVES = re.compile(r"[\ud800-\udfff]")  # of characters: nothing can carry them alone


def is_answering(call: ev.CallRequested, state: RunState) -> bool:
    """Whether the text of this call may become the answer, or a part of it: an agent's words in a task that
    no other task needs. What guardrails have to see first is not shown while it is written."""
    if call.purpose != "think" or call.task_id not in state.tasks or state.dependents.get(call.task_id):
        return False
    agent = state.tasks[call.task_id].agent
    return agent is None or not any(rail.covers("output") for rail in agent.guardrails)


def is_json(request: ModelRequest) -> bool:
    """Whether what is asked for is structured and has no text for people: then all of it is shown."""
    if request.output_schema is None:
        return False
    members = cast("dict[str, Any]", request.output_schema.get("properties") or {})
    member: object = members.get(MEMBER)
    return not (isinstance(member, dict) and cast("dict[str, Any]", member).get("type") == "string")


class Shown:
    """What a model has said so far, and of that what is shown: all of it, or of the JSON that it is writing
    the member `text`, or that JSON (`json`)."""

    def __init__(self, request: ModelRequest) -> None:
        self.json = is_json(request)
        self._structured = request.output_schema is not None
        self._said: list[str] = []
        self._text = ""
        self._read = 0  # pieces that `_text` takes into account

    def add(self, text: str) -> None:
        self._said.append(HALVES.sub("", text))

    def text(self) -> str:
        """It only ever grows."""
        if self._read == len(self._said):
            return self._text
        said = "".join(self._said)
        self._said, self._read = [said], 1
        found = _value(said) if self.json else _member(said) if self._structured else said
        if len(found) > len(self._text) and found.startswith(self._text):
            self._text = found
        return self._text


def _value(said: str) -> str:
    """From where the JSON begins to where a fence around it would end."""
    begin = _JSON.search(said)
    return said[begin.start() :].partition("```")[0].rstrip("`") if begin else ""


def _member(said: str) -> str:
    at = said.find("{")
    if at < 0:
        return ""
    try:
        found: object = from_json(said[at:].rstrip().removesuffix("```"), allow_partial="trailing-strings")
    except ValueError:
        return ""
    text: object = cast("dict[str, Any]", found).get(MEMBER) if isinstance(found, dict) else None
    return text if isinstance(text, str) else ""
