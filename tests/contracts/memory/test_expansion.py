"""A passage in what stands around it."""

from dataclasses import replace

from flowmatik.contracts.memory import Search
from flowmatik.memory.retrieval.expansion import MOST
from tests.contracts.memory.conftest import WS, Shelf

FILLER = "The tide tables of the bay are printed in the spring and hang on the wall of the office. " * 18
TEXT = f"""# Harbour

The harbour lies in the north.

## Gate

The gate opens at seven. {FILLER}

{FILLER} The keeper is called Nala.

### Night

At night the bell of the gate rings.

## Crane

The crane lifts nine tons.
"""
ASKED = Search(query="When does the gate open?", limit=20)


async def test_a_section_is_given_whole_with_its_parts_and_exact_offsets(shelf: Shelf) -> None:
    await shelf.take(shelf.write("harbour.md", TEXT))
    plain = await shelf.memory.find(WS, ASKED)
    found = await shelf.memory.find(WS, replace(ASKED, expand="section"))
    best = found.items[0]
    assert best.id == plain.items[0].id
    assert best.text == TEXT[best.start : best.end]
    assert best.text.startswith("The gate opens at seven.")
    assert "Nala" in best.text
    assert best.text.endswith("the bell of the gate rings.")
    assert best.lines == (7, 13)
    assert "crane" not in best.text
    inside = [one for one in found.items if best.start <= one.start < best.end]
    assert inside == [best], "what stands in it is not given twice"
    assert found.answerable == plain.answerable


async def test_a_document_is_given_once_and_no_other_one_with_it(shelf: Shelf) -> None:
    await shelf.take(shelf.write("harbour.md", TEXT))
    await shelf.take(shelf.write("secret.md", "# Gate\n\nThe gate opens for Ana.\n"))
    found = await shelf.memory.find(WS, replace(ASKED, expand="document"))
    by_source = {one.source: one for one in found.items}
    assert len(found.items) == len(by_source) == 2
    assert by_source["harbour.md"].text.startswith("The harbour lies")
    assert by_source["harbour.md"].text.endswith("nine tons.")
    assert by_source["secret.md"].text == "The gate opens for Ana."


async def test_of_what_is_too_long_there_is_as_much_as_fits_around_the_passage(shelf: Shelf) -> None:
    middle = "## Gate\n\nThe gate opens at seven.\n\n"
    parts = "".join(f"## Part {n}\n\n{FILLER}\n\n" for n in range(12))
    await shelf.take(shelf.write("long.md", f"# Long\n\n{parts}{middle}{parts}"))
    (best, *_) = (await shelf.memory.find(WS, replace(ASKED, expand="document"))).items
    assert len(best.text) <= MOST
    assert "The gate opens at seven." in best.text
    assert len(best.text) > MOST / 2
