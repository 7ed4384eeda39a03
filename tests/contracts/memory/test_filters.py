"""A search among some documents is that of a memory which holds no others, whatever it is that they share."""

from typing import Any

import pytest

from flowmatik.contracts.memory import DocumentLabels, Search
from flowmatik.kernel.errors import InvalidInput
from tests.contracts.memory.conftest import WS, Shelf

TEXTS = {
    "spring.md": ("The heron nests by the river in spring.", "2023-04-02", ("bird", "water")),
    "autumn.md": ("The heron leaves the river late in autumn.", "2024-10", ("bird",)),
    "boat.md": ("The boat Heron is on the river at ten.", "2024-10-31T09:00:00Z", ("water",)),
    "garza.md": ("La garza y el heron viven en el río, y la gente las ve desde el puente.", "", ("bird",)),
}
ALL = sorted(TEXTS)


async def fill(shelf: Shelf, *names: str, workspace: str = WS) -> None:
    for name in names or ALL:
        text, dated, tags = TEXTS[name]
        path = shelf.write(name, f"# {name.removesuffix('.md').title()}\n\n{text}\n")
        await shelf.take(path, workspace=workspace, labels=DocumentLabels(tags=tags, dated=dated))


@pytest.fixture
async def river(shelf: Shelf) -> Shelf:
    await fill(shelf)
    return shelf


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ALL),
    ({"tags": ("water",)}, ["boat.md", "spring.md"]),
    ({"tags": ("water", "bird")}, ALL),
    ({"tags": ("fish",)}, []),
    ({"dated_from": "2024"}, ["autumn.md", "boat.md"]),
    ({"dated_from": "2023-04-03"}, ["autumn.md", "boat.md"]),
    ({"dated_until": "2023"}, ["spring.md"]),
    ({"dated_from": "2024-10-31", "dated_until": "2024-10-31"}, ["boat.md"]),
    ({"dated_from": "2023-04-02", "dated_until": "2024-10"}, ["autumn.md", "boat.md", "spring.md"]),
    ({"languages": ("es",)}, ["garza.md"]),
    ({"languages": ("en",)}, ["autumn.md", "boat.md", "spring.md"]),
    ({"languages": ("en",), "tags": ("bird",), "dated_until": "2023"}, ["spring.md"]),
    ({"sources": ("boat.md", "garza.md"), "tags": ("water",)}, ["boat.md"]),
]


async def test_conditions_hold_together_and_the_rest_counts_in_no_score(river: Shelf) -> None:
    for number, (conditions, expected) in enumerate(CASES):
        asked = Search(query="heron by the river", limit=20, **conditions)
        found = await river.memory.find(WS, asked)
        assert sorted(one.source for one in found.items) == expected, conditions
        if not expected:
            assert (found.answerable.score, found.answerable.likely) == (0.0, False)
            continue
        if expected == ALL:
            continue
        workspace = f"alone-{number}"
        await fill(river, *expected, workspace=workspace)
        alone = await river.memory.find(workspace, Search(query=asked.query, limit=20))
        assert [(one.source, one.score, one.scores) for one in found.items] == [
            (one.source, one.score, one.scores) for one in alone.items
        ], conditions
        assert found.answerable == alone.answerable


async def test_conditions_hold_beside_who_may_see_a_document(river: Shelf) -> None:
    secret = river.write("secret.md", "# Secret\n\nThe heron of the river is called Nala.\n")
    labels = DocumentLabels(acl=("user:ana",), tags=("bird",), dated="2024-01-01")
    await river.take(secret, labels=labels)
    asked = Search(query="heron river", tags=("bird",), dated_from="2024")
    for who, sees in ((frozenset({"user:ana"}), True), (frozenset({"user:bob"}), False), (None, True)):
        found = await river.memory.find(WS, asked, on_behalf=who)
        expected = ["autumn.md", "secret.md"] if sees else ["autumn.md"]
        assert sorted(one.source for one in found.items) == expected


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"dated_from": "last year"}, "input.dated"),
    ({"dated_until": "2024-13"}, "input.dated"),
    ({"dated_from": "2024-02-30x"}, "input.dated"),
    ({"dated_from": "2025", "dated_until": "2024-12-31"}, "input.dated_span"),
    ({"languages": ("Spanish",)}, "input.language_code"),
    ({"limit": 0}, "input.limit"),
]


async def test_what_no_document_could_meet_is_refused(shelf: Shelf) -> None:
    for conditions, code in REFUSED:
        with pytest.raises(InvalidInput) as refused:
            await shelf.memory.find(WS, Search(query="heron", **conditions))
        assert refused.value.code == code


async def test_how_probable_an_answer_is_does_not_depend_on_how_many_passages_are_wanted(
    river: Shelf,
) -> None:
    one = await river.memory.find(WS, Search(query="Where does the heron nest in spring?", limit=1))
    more = await river.memory.find(WS, Search(query="Where does the heron nest in spring?", limit=20))
    assert len(one.items) == 1
    assert one.answerable == more.answerable
    assert one.answerable.likely
    assert not (await river.memory.find(WS, Search(query="Who taxes quantum bread?"))).answerable.likely


async def test_of_what_says_the_same_that_of_the_time_asked_for_stands_first(shelf: Shelf) -> None:
    for year in ("2027", "2029", "2028"):  # the clock stands at the beginning of 2030
        path = shelf.write(
            f"rent-{year}.md", f"# Rent {year}\n\nThe rent of the hall is {year[3]}00 euros.\n"
        )
        await shelf.take(path, labels=DocumentLabels(dated=f"{year}-06-01"))
    for query, first in (("What was the rent last year?", "2029"), ("the rent of the hall in 2027", "2027")):
        found = await shelf.memory.find(WS, Search(query=query))
        assert found.items[0].source == f"rent-{first}.md"
        assert len(found.items) == 3, "nothing is left out for its time"
