"""A message says in each of its passages who said it and when, and stands under no heading of another one."""

from flowmatik.memory.source_parts.said import message
from tests.unit.memory.reading import read

AT = "2026-03-02T13:00:59"
MARK = "**Ana Ruiz** (2026-03-02 13:00):"


def passages_of(*texts: str) -> list[tuple[str, str]]:
    """The heading and the text of each."""
    data = "\n\n".join(("# #port", *(message("Ana Ruiz", AT, text) for text in texts))).encode()
    record = read("a.md", data).record
    return [(chunk.heading, record.text[chunk.start : chunk.end]) for chunk in record.chunks]


def test_short_messages_stay_as_they_are() -> None:
    assert message("Ana Ruiz", AT, "Hello.\n\nAnd bye.") == f"{MARK} Hello.\nAnd bye."


def test_each_passage_of_a_long_message_says_who_said_it_and_when() -> None:
    sentences = [f"Sentence {n} speaks of the deck of the ship and of the crane." for n in range(200)]
    for text in (" ".join(sentences), "\n\n".join(sentences), "\n".join(sentences)):
        found = passages_of(text)
        assert len(found) > 3
        assert all(passage.startswith(MARK) for _, passage in found)
        whole = " ".join(" ".join(passage.replace(MARK, "") for _, passage in found).split())
        assert whole == " ".join(sentences)


def test_no_section_begins_within_a_message() -> None:
    for odd in ("Hello\n# TODO\n- one", "# TODO", "Title\n=====", "Title\n---\nmore", "```\nnever closed"):
        found = passages_of(odd, "Of another one.")
        assert {heading for heading, _ in found} == {"#port"}
        assert "Of another one." in found[-1][1]


def test_code_stays_as_it_is_and_ends_with_its_message() -> None:
    assert (
        message("Ana Ruiz", AT, "```\n# no heading\n\nx = 1\n```")
        == f"{MARK}\n```\n# no heading\n\nx = 1\n```"
    )
    assert message("Ana Ruiz", AT, "So:\n~~~~\nx").endswith("x\n~~~~")
