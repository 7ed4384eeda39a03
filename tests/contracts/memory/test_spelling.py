"""A word that nothing has is looked for as it was probably meant."""

import pytest

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory.retrieval.spelling import distance, nearest
from tests.contracts.memory.conftest import WS, Shelf

BOB = frozenset({"user:bob"})


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [
        ("zurbano", "zurbano", 0),
        ("zurbano", "zubrano", 1),
        ("zurbano", "zurbbano", 1),
        ("zurbano", "zurban", 1),
        ("zurbano", "zurbino", 1),
        ("zurbano", "zrbaon", 2),
        ("zurbano", "bilbao", 3),
        ("", "ab", 2),
        ("abcdefgh", "stuvwxyz", 3),
    ],
)
def test_mistakes_are_counted_up_to_one_more_than_matter(one: str, other: str, mistakes: int) -> None:
    assert distance(one, other, 2) == distance(other, one, 2) == mistakes


def test_short_words_may_have_one_mistake_and_long_ones_two() -> None:
    assert nearest("molno", ["molino", "mala", "molon"], "es") == [["es:molino", "es:molon"]]
    assert nearest("gutierrs", ["gutierrez", "gutxierez"], "es")[0] == ["es:gutierrez"]
    assert nearest("gutieeres", ["gutierrez", "gutenberg"], "es") == [["es:gutierrez"]]
    assert nearest("molin", ["molin"], "es") == []


async def test_a_misspelt_name_finds_its_document_and_a_right_one_is_left_alone(shelf: Shelf) -> None:
    shelf.write("a.md", "# Ship\n\nThe Zurbarán sails on Monday.\n")
    shelf.write("b.md", "# Boat\n\nThe Kestrel sails on Monday.\n")
    shelf.embedder.down = True
    await shelf.take()
    for written in ("Zurbaran", "Zubraran", "Zurbarran"):
        found = await shelf.memory.search(WS, f"When does the {written} sail?")
        assert found[0].source == "a.md", written
        assert dict(found[0].scores)["coverage"] == 1.0
    assert not await shelf.memory.search(WS, "Qwertyuiop?")


async def test_what_may_not_be_seen_is_not_found_by_a_word_that_is_like_it(shelf: Shelf) -> None:
    shelf.write("open.md", "# Ship\n\nThe Kestrel sails on Monday.\n")
    await shelf.take()
    secret = shelf.write("secret.md", "# Ship\n\nThe Zurbarán sails on Friday.\n")
    await shelf.take(secret, labels=DocumentLabels(acl=("team:hr",)))
    hidden = await shelf.memory.search(WS, "Zubraran sails", on_behalf=BOB)
    assert [one.source for one in hidden] == ["open.md"]
    await shelf.memory.remove(WS, "secret.md")
    without = await shelf.memory.search(WS, "Zubraran sails")
    assert [(one.id, one.score, one.scores) for one in hidden] == [
        (one.id, one.score, one.scores) for one in without
    ]


async def test_a_hidden_word_that_is_more_like_it_takes_no_place_of_one_that_may_be_seen(
    shelf: Shelf,
) -> None:
    shelf.write("open.md", "# Ship\n\nThe Zurbaranes sail on Monday.\n")
    shelf.embedder.down = True
    await shelf.take()
    secret = shelf.write("secret.md", "# Ship\n\nThe Zurbarando sails on Friday.\n")
    await shelf.take(secret, labels=DocumentLabels(acl=("team:hr",)))
    hidden = await shelf.memory.search(WS, "Zurbarandx", on_behalf=BOB)
    await shelf.memory.remove(WS, "secret.md")
    without = await shelf.memory.search(WS, "Zurbarandx")
    assert [(one.source, one.score) for one in hidden] == [(one.source, one.score) for one in without]
    assert [one.source for one in without] == ["open.md"]
