"""Reads a SKILL.md: YAML front matter, then Markdown for the model.

The open Agent Skills format (https://agentskills.io/specification): `name`, `description`, `license`,
`compatibility`, `metadata` and `allowed-tools`, and no other keys. Every fault is reported at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, cast

import yaml

from flowmatik.contracts.skills import SkillFault

MAX_SKILL_BYTES = 256_000
MAX_NAME = 64
MAX_DESCRIPTION = 1024
MAX_COMPATIBILITY = 500
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
FENCE = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillText:
    """What a SKILL.md says. `allowed_tools` None: it does not name any."""

    name: str = ""
    description: str = ""
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: {})
    allowed_tools: tuple[str, ...] | None = None


def parse_skill(text: str, *, folder: str, filename: str) -> tuple[SkillText, list[SkillFault]]:
    """What it says and what is wrong with it; with faults, what it says must not be used."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != FENCE:
        return SkillText(), [_fault(filename, 1, "front")]
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() == FENCE), None)
    if end is None:
        return SkillText(), [_fault(filename, 1, "front_end")]
    try:
        node = cast("Any", yaml).compose("\n".join(lines[1:end]), Loader=yaml.SafeLoader)
        loaded = yaml.safe_load("\n".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        said = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
        return SkillText(), [_fault(filename, mark.line + 2 if mark else 2, "not_yaml", said=said)]
    if not isinstance(loaded, dict):
        return SkillText(), [_fault(filename, 2, "no_mapping")]
    found = _Reading(filename, cast("dict[object, object]", loaded), _lines(node))
    said = found.text(folder)
    if not "".join(lines[end + 1 :]).strip():
        found.faults.append(_fault(filename, end + 1, "no_body"))
    return said, found.faults


def body_of(text: str) -> str:
    """What stands below the front matter."""
    _, _, rest = text.partition("\n")
    parts = re.split(rf"^{FENCE}[ \t]*$", rest, maxsplit=1, flags=re.MULTILINE)
    return parts[-1].strip() + "\n"


def _lines(node: Any) -> dict[str, int]:
    """Where each key stands in the file."""
    return {str(key.value): key.start_mark.line + 2 for key, _ in node.value}


class _Reading:
    def __init__(self, filename: str, given: dict[object, object], lines: dict[str, int]) -> None:
        self.faults: list[SkillFault] = []
        self._filename = filename
        self._given = given
        self._lines = lines

    def text(self, folder: str) -> SkillText:
        for key in self._given:
            if key not in FIELDS:
                near = get_close_matches(str(key), FIELDS, n=1)
                known = ", ".join(FIELDS)
                values = {"meant": near[0]} if near else {"known": known}
                self._say(str(key), "meant" if near else "unknown", **values)
        name = self._words("name", MAX_NAME, needed=True)
        if name and not NAME.fullmatch(name):
            self._say("name", "name", value=name)
        elif name and name != folder:
            self._say("name", "other_name", value=name, folder=folder)
        return SkillText(
            name=name,
            description=" ".join(self._words("description", MAX_DESCRIPTION, needed=True).split()),
            license=self._words("license", MAX_DESCRIPTION),
            compatibility=self._words("compatibility", MAX_COMPATIBILITY),
            metadata=self._metadata(),
            allowed_tools=self._tools(),
        )

    def _words(self, key: str, most: int, *, needed: bool = False) -> str:
        value = self._given.get(key)
        if value is None and not needed:
            return ""
        if value is None or (isinstance(value, str) and not value.strip()):
            self._say(key, "missing")
        elif not isinstance(value, str):
            self._say(key, "no_text")
        elif len(value) > most:
            self._say(key, "long", most=most)
        else:
            return value.strip()
        return ""

    def _metadata(self) -> dict[str, str]:
        value = self._given.get("metadata")
        if value is None:
            return {}
        rows = cast("dict[object, object]", value) if isinstance(value, dict) else {"": None}
        if not all(isinstance(part, str) for pair in rows.items() for part in pair):
            self._say("metadata", "metadata")
            return {}
        return {str(key): str(said) for key, said in rows.items()}

    def _tools(self) -> tuple[str, ...] | None:
        value = self._given.get("allowed-tools")
        if value is None:
            return None
        if not isinstance(value, str):
            self._say("allowed-tools", "no_text")
            return ()
        return tuple(dict.fromkeys(value.replace(",", " ").split()))

    def _say(self, key: str, code: str, **values: object) -> None:
        line = self._lines.get(key, 1)
        self.faults.append(_fault(self._filename, line, code, field=key, **values))


_TEXTS = {
    "front": "a SKILL.md begins with a line of three hyphens, then YAML with name and description",
    "front_end": "the YAML has no end; close it with a line of three hyphens",
    "not_yaml": "not YAML: {said}",
    "no_mapping": "the front matter is a mapping with name and description",
    "no_body": "nothing stands below the front matter; say there how the work is done",
    "meant": "{field}: is not a field; did you mean {meant}?",
    "unknown": "{field}: is not a field; there is {known}",
    "missing": "{field}: is missing; add it",
    "no_text": "{field}: must be text",
    "long": "{field}: is longer than {most} characters; shorten it",
    "name": "{field}: {value!r} cannot be used; use lower-case letters, digits, single hyphens between",
    "other_name": "{field}: {value!r} is not the name of the folder, which is {folder!r}; make them the same",
    "metadata": "{field}: must be a mapping of texts to texts; put numbers in quotes",
}


def _fault(filename: str, line: int, code: str, **values: object) -> SkillFault:
    text = _TEXTS[code].format(**values)
    return SkillFault(place=f"{filename}:{line}", text=text, code=f"skill.{code}", values=dict(values))
