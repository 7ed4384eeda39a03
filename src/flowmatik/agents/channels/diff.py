"""What is different between two versions, field by field; instructions as a unified diff. Pure."""

import difflib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, cast

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import AgentDiff, FieldChange

_TEXT = "instructions"
_ASIDE = ("version", _TEXT)


def diff_of(was: AgentVersion, becomes: AgentVersion) -> AgentDiff:
    before, after = asdict(was), asdict(becomes)
    fields = [
        change
        for name in dict.fromkeys([*before, *after])
        if name not in _ASIDE
        for change in _changes(name, before.get(name), after.get(name))
    ]
    lines = difflib.unified_diff(
        before[_TEXT].splitlines(),
        after[_TEXT].splitlines(),
        fromfile=f"{was.ref()} {_TEXT}",
        tofile=f"{becomes.ref()} {_TEXT}",
        lineterm="",
    )
    return AgentDiff(
        was=was.ref(), becomes=becomes.ref(), fields=tuple(fields), instructions="\n".join(lines)
    )


def _changes(path: str, was: Any, becomes: Any) -> Iterator[FieldChange]:
    if isinstance(was, dict) and isinstance(becomes, dict):
        ours, theirs = cast("dict[str, Any]", was), cast("dict[str, Any]", becomes)
        for key in sorted({*ours, *theirs}):
            yield from _changes(f"{path}.{key}", ours.get(key), theirs.get(key))
    elif was != becomes:
        yield FieldChange(field=path, was=was, becomes=becomes)
