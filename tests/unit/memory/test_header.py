import pytest

from flowmatik.memory.header import parse_date, read_header


def test_an_english_header_gives_version_date_and_what_it_replaces() -> None:
    header = read_header(
        "# Travel\n\nVersion: 2.0\nEffective from: 2026-03-01\nReplaces: travel-2024.md (version 1.3)\n",
        "en",
    )
    assert (header.version, header.effective, header.replaces) == ("2.0", "2026-03-01", ("travel-2024.md",))


def test_a_spanish_header_in_bold_or_in_a_table_is_read_too() -> None:
    bold = read_header("# N\n\n**Versión:** 3.1\n**Vigente desde:** 1 de marzo de 2026\n", "es")
    table = read_header(
        "| Vigente desde | 01/03/2026 |\n| Sustituye a | [vieja](vieja.md) y otra.md |\n", "es"
    )
    assert (bold.version, bold.effective) == ("3.1", "2026-03-01")
    assert (table.effective, table.replaces) == ("2026-03-01", ("vieja.md", "otra.md"))


def test_a_date_of_effect_wins_over_a_mere_date() -> None:
    assert read_header("Date: 2026-01-01\nEffective date: 2026-02-01\n", "en").effective == "2026-02-01"
    assert read_header("Fecha: 2026-01-01\n", "es").effective == "2026-01-01"


def test_a_title_with_and_is_one_name() -> None:
    assert read_header("Replaces: Returns and refunds\n", "en").replaces == ("Returns and refunds",)


@pytest.mark.parametrize(
    ("value", "language", "expected"),
    [
        ("March 5, 2026", "en", "2026-03-05"),
        ("5th of March 2026", "en", "2026-03-05"),
        ("31/12/2025", "en", "2025-12-31"),
        ("12/31/2025", "en", "2025-12-31"),
        ("03/04/2026", "en", ""),
        ("03/04/2026", "es", "2026-04-03"),
        ("2026-02-30", "en", ""),
        ("soon", "en", ""),
    ],
)
def test_dates_are_read_without_guessing(value: str, language: str, expected: str) -> None:
    assert parse_date(value, language) == expected


def test_a_date_deep_in_the_text_is_not_the_header() -> None:
    body = "\n".join(f"Line {i} of the body." for i in range(60))
    assert read_header(f"# T\n{body}\nEffective from: 2020-01-01\n", "en").effective == ""
