"""Where a name of whom somebody wants forgotten stands in a text."""

import pytest

from flowmatik.memory.erasure import naming


@pytest.mark.parametrize(
    "text",
    ["present: ANA  RUIZ", "hr/file_of_ana_ruiz.md", "ana-ruiz.pdf", "Ána\nRuíz,", "pay_Ana Ruiz_2024"],
)
def test_a_name_is_found_whatever_stands_between_and_around_its_words(text: str) -> None:
    assert naming(["Ana Ruiz"])(text)


@pytest.mark.parametrize("text", ["Anana Ruiz", "Ana Ruizmayor", "Ana. Ruiz", "ana_ruiz2"])
def test_parts_of_other_words_are_no_name(text: str) -> None:
    assert not naming(["Ana Ruiz"])(text)
