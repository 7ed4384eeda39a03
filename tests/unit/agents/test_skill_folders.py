"""SKILL.md folders: read by their format, told to agents, and never left by a path."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.agents import inventory_of, parse_profile
from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.own.box import reading_skills
from flowmatik.agents.skills.own.front_matter import parse_skill
from flowmatik.agents.skills.own.library import SkillLibrary, load_library
from flowmatik.agents.skills.own.template import make_folder
from flowmatik.agents.skills.own.trying import run_tests
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, PermissionDenied, ProfileInvalid
from tests.unit.agents.skill_files import FRONT, context, write

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
summary: Writes letters.
role: clerk
instructions: Be brief.
tools: [calculate, file_append]
skill_folders: [letters]
"""


def library(tmp_path: Path, front: str = FRONT) -> SkillLibrary:
    files = {
        "letters/SKILL.md": front + "# Letters\n\nBegin with a greeting.\n",
        "letters/references/forms.md": "Dear …",
        "letters/.hidden": "secret",
    }
    return load_library(write(tmp_path / "skills", files))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# No front matter", "SKILL.md:1: a SKILL.md begins with"),
        ("---\nname: letters\n", "SKILL.md:1: the YAML has no end"),
        ("---\nname: [\n---\nx", "SKILL.md:2: not YAML"),
        ("---\n- a\n---\nx", "SKILL.md:2: the front matter is a mapping"),
        ("---\nname: letters\ndescription: d\n---\n\n", "SKILL.md:4: nothing stands below"),
        ("---\nname: letters\n---\nx", "SKILL.md:1: description: is missing"),
        ("---\nname: Big Name\ndescription: d\n---\nx", "SKILL.md:2: name: 'Big Name' cannot be used"),
        ("---\nname: other\ndescription: d\n---\nx", "SKILL.md:2: name: 'other' is not the name"),
        ("---\nname: letters\ndescription: d\nlicence: x\n---\nx", "SKILL.md:4: licence: is not a field"),
        ("---\nname: letters\ndescription: [d]\n---\nx", "SKILL.md:3: description: must be text"),
        (f"---\nname: letters\ndescription: {'d' * 1025}\n---\nx", "SKILL.md:3: description: is longer"),
        ("---\nname: letters\ndescription: d\nmetadata: {a: 1}\n---\nx", "SKILL.md:4: metadata: must be"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_what_to_do(text: str, said: str) -> None:
    _, faults = parse_skill(text, folder="letters", filename="SKILL.md")
    assert [fault.line()[: len(said)] for fault in faults] == [said]


def test_every_field_of_the_format_is_read() -> None:
    text = (
        "---\nname: letters\ndescription: >\n  Write\n  letters.\nlicense: MIT\ncompatibility: any\n"
        "metadata: {author: me}\nallowed-tools: calculate Bash(git:*)\n---\nDo it."
    )
    said, faults = parse_skill(text, folder="letters", filename="SKILL.md")
    assert faults == []
    assert (said.description, said.license, said.metadata) == ("Write letters.", "MIT", {"author": "me"})
    assert said.allowed_tools == ("calculate", "Bash(git:*)")


def test_an_agent_is_told_what_its_skills_are_for_and_may_read_them(tmp_path: Path) -> None:
    agent = parse_profile(PROFILE, filename="clerk.yaml")
    told = library(tmp_path).told(agent)
    assert told.version == agent.version
    assert "- letters: Write letters." in told.instructions
    assert "Begin with a greeting" not in told.instructions
    assert told.tools == ("calculate", "file_append", "skill_read")


def test_allowed_tools_narrow_and_never_widen(tmp_path: Path) -> None:
    front = FRONT.replace("---\nname", "---\nallowed-tools: calculate tables_query\nname")
    told = library(tmp_path, front).told(parse_profile(PROFILE, filename="clerk.yaml"))
    assert told.tools == ("calculate", "skill_read")


def test_a_folder_that_is_gone_is_left_out(tmp_path: Path) -> None:
    agent = replace(parse_profile(PROFILE, filename="clerk.yaml"), skill_folders=("gone",))
    assert library(tmp_path).told(agent) == agent


def test_a_profile_names_only_folders_that_are_there(tmp_path: Path) -> None:
    there = inventory_of({"calculate", "file_append"}, {}, library(tmp_path).documented)
    assert parse_profile(PROFILE, filename="p.yaml", inventory=there).skill_folders == ("letters",)
    with pytest.raises(ProfileInvalid, match=r"p.yaml:8:17: skill_folders.0: .*did you mean 'letters'"):
        parse_profile(PROFILE.replace("[letters]", "[letter]"), filename="p.yaml", inventory=there)


async def test_the_body_comes_first_and_files_on_demand(tmp_path: Path) -> None:
    box = SkillBox(reading_skills(library(tmp_path)))
    read = await box.call("skill_read", {"skill": "letters"}, context("letters"))
    assert read["text"].startswith("# Letters")
    assert read["files"] == ["references/forms.md"]
    form = await box.call(
        "skill_read", {"skill": "letters", "path": "references/forms.md"}, context("letters")
    )
    assert form["text"] == "Dear …"


async def test_a_skill_that_the_profile_does_not_name_is_not_read(tmp_path: Path) -> None:
    box = SkillBox(reading_skills(library(tmp_path)))
    with pytest.raises(PermissionDenied):
        await box.call("skill_read", {"skill": "letters"}, context("others"))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../../outside.md", "tool.skill.outside"),
        ("/etc/passwd", "tool.skill.outside"),
        (".hidden", "tool.skill.outside"),
        ("references/../.hidden", "tool.skill.outside"),
        ("a\0b", "tool.skill.outside"),
        ("link.md", "not_found.skill_file"),
        ("linked/outside.md", "not_found.skill_file"),
        ("references", "not_found.skill_file"),
        ("pipe", "not_found.skill_file"),
        ("nothing.md", "not_found.skill_file"),
        ("image.bin", "tool.skill.binary"),
        ("large.md", "tool.skill.large"),
    ],
)
async def test_no_path_leaves_the_folder_and_only_short_text_is_read(
    tmp_path: Path, path: str, code: str
) -> None:
    skills = library(tmp_path)
    folder = tmp_path / "skills" / "letters"
    (tmp_path / "outside.md").write_text("outside")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "image.bin").write_bytes(b"\xff\x00\xfe")
    (folder / "large.md").write_text("x" * 300_000)
    os.mkfifo(folder / "pipe")
    box = SkillBox(reading_skills(skills))
    with pytest.raises(FlowmatikError) as refused:
        await box.call("skill_read", {"skill": "letters", "path": path}, context("letters"))
    assert refused.value.code == code


async def test_a_new_folder_works_as_it_is_and_is_never_overwritten(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "skills", "text-length")
    (about,) = await load_library(tmp_path / "skills").list()
    assert (about.faults, about.documented, [tool.name for tool in about.tools]) == (
        (),
        True,
        ["text_length"],
    )
    assert [(one.name, one.said) for one in await run_tests(folder)] == [
        ("test_text_length.py::test_it_counts_words_and_characters", "")
    ]
    with pytest.raises(Conflict):
        make_folder(tmp_path / "skills", "text-length")
    for name in ("../up", "Big", "2nd", "a--b", ""):
        with pytest.raises(InvalidInput):
            make_folder(tmp_path / "skills", name)


async def test_a_test_that_fails_says_why_and_where(tmp_path: Path) -> None:
    write(tmp_path, {"one/test_it.py": "def test_sums():\n    assert 1 + 1 == 3, 'no'\n"})
    (tried,) = await run_tests(tmp_path / "one")
    assert tried.said == "AssertionError: no (line 2)"
