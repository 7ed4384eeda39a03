"""A word that nothing has is looked for as it was probably meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory.retrieval.spelling import nearest
from flowmatik.memory.vocabulary import Alike, Vocabulary
from tests.contracts.memory.conftest import WS, Shelf

BOB = frozenset({"user:bob"})


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [
        ("zurbano", "zubrano", 1),
        ("zurbano", "zurbbano", 1),
        ("zurbano", "zurban", 1),
        ("zurbano", "zurbino", 1),
        ("zurbano", "zrbaon", 2),
        ("zurbano", "zurbixo", 2),
    ],
)
def test_mistakes_are_counted_in_both_directions(one: str, other: str, mistakes: int) -> None:
    assert Alike([other]).near(one, 2) == [(mistakes, other)]
    assert Alike([one]).near(other, 2) == [(mistakes, one)]


@given(
    st.text("abcñ", min_size=3, max_size=9), st.lists(st.text("abcñ", min_size=1, max_size=11), max_size=8)
)
def test_the_same_words_are_near_as_when_each_is_compared_by_itself(word: str, others: list[str]) -> None:
    for most in (1, 2):
        expected = sorted({(n, one) for one in others if 0 < (n := mistakes(word, one)) <= most})
        assert Alike(others).near(word, most) == expected


def mistakes(one: str, other: str) -> int:
    """Optimal string alignment, as it is written down."""
    table = {(i, -1): i + 1 for i in range(-1, len(one))} | {(-1, j): j + 1 for j in range(-1, len(other))}
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            ways = [table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b)]
            if i and j and (a, one[i - 1]) == (other[j - 1], b):
                ways.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(ways)
    return table[len(one) - 1, len(other) - 1]


def test_short_words_may_have_one_mistake_and_long_ones_two() -> None:
    assert nearest("es:molno", Alike(["molino", "mala", "molon"])) == [["es:molino", "es:molon"]]
    assert nearest("es:gutierrs", Alike(["gutierrez", "gutxierez"]))[0] == ["es:gutierrez"]
    assert nearest("es:gutieeres", Alike(["gutierrez", "gutenberg"])) == [["es:gutierrez"]]
    assert nearest("es:molin", Alike(["molin"])) == []


def test_words_that_come_with_a_change_are_among_those_that_are_kept() -> None:
    before = Vocabulary()
    before.put("es:m", Alike(["mala"]))
    after = before.with_terms(["es:molino", "es:nada", "en:mill"])
    assert nearest("es:molno", after.get("es:m") or Alike([])) == [["es:molino"]]
    assert after.get("es:n") is None
    assert nearest("es:molno", before.get("es:m") or Alike([])) == []


def test_beginnings_that_were_not_asked_for_the_longest_make_room() -> None:
    vocabulary = Vocabulary(most=150)
    for letter in "abc":
        vocabulary.put(f"es:{letter}", Alike([letter * 3]))
    assert vocabulary.get("es:a") is None
    assert vocabulary.get("es:c") is not None


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


async def test_a_misspelt_word_finds_what_came_after_another_was_asked_for(shelf: Shelf) -> None:
    shelf.write("a.md", "# Ship\n\nThe Zumarraga sails on Monday.\n")
    shelf.embedder.down = True
    await shelf.take()
    assert not await shelf.memory.search(WS, "Zubraran")
    shelf.write("b.md", "# Ship\n\nThe Zurbarán sails on Friday.\n")
    await shelf.take()
    assert [one.source for one in await shelf.memory.search(WS, "Zubraran")] == ["b.md"]
    await shelf.memory.remove(WS, "b.md")
    assert not await shelf.memory.search(WS, "Zubraran")
