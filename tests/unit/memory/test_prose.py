"""What may be quoted of a text."""

import pytest

from flowmatik.memory.prose import prose

CASES: dict[str, tuple[str, list[str]]] = {
    "front matter": ("---\ntitle: A\ntags:\n  - b\n---\n\nIt rains.", ["\nIt rains."]),
    "of another kind": ("+++\ntitle = 'A'\n+++\nIt rains.", ["It rains."]),
    "cut in the middle": ("---\ntitle: A\nauthor: B", []),
    "cut before its end": ("---\ntitle: A\nIt rains, and it pours.", ["It rains, and it pours."]),
    "a line and no front matter": ("---\nIt rains.\n---\nIt pours.", ["---\nIt rains.\n---\nIt pours."]),
    "a table": ("Before.\n| a | b |\n|---|---|\nAfter.", ["Before.", "After."]),
    "a row of HTML": ("Cell one | cell two.\nAfter.", ["After."]),
    "code": ("Before.\n```py\nx.\n```\nAfter.", ["Before.", "After."]),
    "a heading": ("# What is it?\nA bird.", ["A bird."]),
    "nothing": ("", []),
}


@pytest.mark.parametrize("name", CASES)
def test_prose_is_left_word_by_word(name: str) -> None:
    text, left = CASES[name]
    assert prose(text) == left
