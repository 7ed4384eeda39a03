"""The documents agree with the repository and with each other."""

import re
from pathlib import Path

import pytest

from flowmatik.app.setting_values import SETTINGS
from tests.unit.house.repository import ROOT, documents, fences

DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
DECISION_HEADINGS = ["Context", "Decision", "Consequences", "How it is enforced"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def links(page: str) -> list[str]:
    """Targets of the links of a page, code left out, anchors and outside addresses too."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]


def same_words(code: str) -> list[str]:
    """Commands without what differs between languages: texts in quotes that hold no variable."""
    return [re.sub(r'"[^"]*"', _text_or_variable, line) for line in code.strip().splitlines()]


def _text_or_variable(quoted: re.Match[str]) -> str:
    return quoted[0] if "$" in quoted[0] else '"…"'


@pytest.mark.parametrize("page", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = links(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.stem)
def test_every_decision_has_the_same_parts_on_one_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == DECISION_HEADINGS
    assert re.match(rf"# {page.stem[:4]}\. \S", text)
    assert re.search(r"^Status: \S", text, flags=re.MULTILINE)
    assert len(text.splitlines()) <= 60


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.stem[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_both_readmes_give_the_same_commands_in_the_same_order() -> None:
    english, spanish = (fences(read(name), "bash", "sh") for name in ("README.md", "README.es.md"))
    assert len(english) > 5
    assert [same_words(code) for code in english] == [same_words(code) for code in spanish]


def test_both_readmes_have_the_same_shape() -> None:
    english, spanish = (read(name) for name in ("README.md", "README.es.md"))
    for pattern in (r"^#+ ", r"^\| `flowmatik", r"^- \*\*"):
        counts = [len(re.findall(pattern, text, flags=re.MULTILINE)) for text in (english, spanish)]
        assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_examples_and_the_readme_of_a_language_link_to_each_other(name: str) -> None:
    assert f"examples/{name}" in links(read(name))
    assert f"../{name}" in links(read(f"examples/{name}"))


def test_every_setting_is_documented() -> None:
    page = read("docs/cli.md")
    variables = [s.variable for s in SETTINGS if s.variable and not s.variable.endswith("_BASE_URL")]
    assert variables
    assert [variable for variable in variables if f"`{variable}`" not in page] == []


def test_no_document_names_a_variable_that_does_not_exist() -> None:
    known = {setting.variable for setting in SETTINGS}
    known |= {"FLOWMATIK_HOME", "FLOWMATIK_URL", "FLOWMATIK_API_KEY", "FLOWMATIK_DEBUG", "FLOWMATIK_PYTHON"}
    for page in documents():
        named = set(re.findall(r"\bFLOWMATIK_[A-Z0-9_]+\b", page.read_text(encoding="utf-8")))
        strangers = {name for name in named - known if not name.startswith("FLOWMATIK_TEST_")}
        assert strangers == set(), page


def test_the_change_log_has_its_form() -> None:
    text = read("CHANGELOG.md")
    assert re.findall(r"^## \[(.+?)\]", text, flags=re.MULTILINE)[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
