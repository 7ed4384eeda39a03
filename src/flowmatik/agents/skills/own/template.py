"""A new skill folder that works as it is: to be changed into what is wanted."""

from pathlib import Path

from flowmatik.agents.skills.own.front_matter import NAME
from flowmatik.agents.skills.own.library import SKILL_FILE
from flowmatik.kernel.errors import Conflict, InvalidInput

_TEXT = """\
---
name: {name}
description: Count the words and characters of a text. Use it when somebody asks how long a text is.
---
# How long is a text?

1. Call the tool `{tool}` with the whole text.
2. Say both numbers, and nothing that the tool did not count.
"""
_CODE = '''\
from flowmatik.skills import skill


@skill(timeout=5)
def {tool}(text: str) -> dict[str, int]:
    """Count the words and characters of a text."""
    return {{"words": len(text.split()), "characters": len(text)}}
'''
_TEST = """\
from .{tool} import {tool}


def test_it_counts_words_and_characters():
    assert {tool}("two words") == {{"words": 2, "characters": 9}}
"""


def make_folder(skills: Path, name: str) -> Path:
    """Raises InvalidInput for a name that no skill may have, Conflict where there is one already. Half a
    folder is never left."""
    tool = name.replace("-", "_")
    if not NAME.fullmatch(name) or not name[0].isalpha() or len(name) > 64:
        raise InvalidInput(
            f"{name[:80]!r} is no name for a skill; use lower-case letters, digits and single hyphens, "
            "a letter first",
            code="input.skill_name",
            context={"name": name[:80]},
        )
    folder = skills / name
    if folder.exists():
        raise Conflict(
            f"there is a skill {name!r} already; choose another name",
            code="conflict.skill",
            context={"name": name},
        )
    skills.mkdir(exist_ok=True)
    fresh = skills / f".{name}.new"
    fresh.mkdir(exist_ok=True)
    for file, text in ((SKILL_FILE, _TEXT), (f"{tool}.py", _CODE), (f"test_{tool}.py", _TEST)):
        (fresh / file).write_text(text.format(name=name, tool=tool), encoding="utf-8")
    fresh.rename(folder)
    return folder
