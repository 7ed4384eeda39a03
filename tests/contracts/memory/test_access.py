"""Who may see a document is asked inside each query."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from flowmatik.agents.skills.audience import Callers
from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.documents import document_skills
from flowmatik.app.audience import SourcesFor
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.asked import check_sources
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput, NotFound
from tests.contracts.memory.conftest import WS, Shelf

ANA, BOB = frozenset({"user:ana", "team:hr"}), frozenset({"user:bob"})


async def shared(shelf: Shelf) -> None:
    secret = shelf.write("secret.md", "# Pay\n\nThe salary of the zebra keeper is 900 euros.")
    pay = shelf.write("pay.csv", "keeper,salary\nzebra,900\n")
    await shelf.take(secret, pay, labels=DocumentLabels(acl=("team:hr",), tags=("pay",)))
    await shelf.take(shelf.write("open.md", "# Zoo\n\nReplaces: secret.md\n\nThe zebra is called Nala."))


async def test_a_document_for_a_team_is_there_for_its_members_and_for_nobody_else(shelf: Shelf) -> None:
    await shared(shelf)
    memory = shelf.memory
    for who, sees in ((ANA, True), (BOB, False), (frozenset[str](), False), (None, True)):
        found = await memory.search(WS, "salary of the zebra", on_behalf=who)
        assert ({"secret.md", "pay.csv"} <= {one.source for one in found}) is sees, who
        assert bool(await memory.tables(WS, on_behalf=who)) is sees
        assert ("secret.md" in [one.source for one in await memory.documents(WS, on_behalf=who)]) is sees
    (secret,) = await memory.search(WS, "salary zebra keeper", sources=["secret.md"])
    assert await memory.passage(WS, secret.id, on_behalf=ANA)
    assert await memory.passage(WS, secret.id, on_behalf=BOB) is None
    assert await memory.locate(WS, secret.id, "900 euros", on_behalf=BOB) is None
    with pytest.raises(NotFound):
        await memory.remove(WS, "secret.md", on_behalf=BOB)
    (listed,) = [one for one in await memory.documents(WS) if one.source == "secret.md"]
    assert (listed.acl, listed.tags) == (("team:hr",), ("pay",))


async def test_scores_are_those_of_a_memory_that_holds_only_what_may_be_seen(shelf: Shelf) -> None:
    await shared(shelf)
    hidden = await shelf.memory.search(WS, "zebra salary", on_behalf=BOB)
    await shelf.memory.remove(WS, "secret.md")
    await shelf.memory.remove(WS, "pay.csv")
    without = await shelf.memory.search(WS, "zebra salary")
    assert [(one.id, one.score, one.scores) for one in hidden] == [
        (one.id, one.score, one.scores) for one in without
    ]


async def test_labels_stay_when_the_file_changes_and_go_when_others_are_given(shelf: Shelf) -> None:
    await shared(shelf)
    path = shelf.write("secret.md", "# Pay\n\nThe salary of the zebra keeper is 950 euros.")
    assert (await shelf.take(path))["secret.md"] == "updated"
    assert not await shelf.memory.search(WS, "950 euros", on_behalf=BOB, sources=["secret.md"])
    assert (await shelf.take(path, labels=DocumentLabels(tags=("free",))))["secret.md"] == "unchanged"
    assert await shelf.memory.search(WS, "950 euros", on_behalf=BOB, sources=["secret.md"])


async def test_a_tool_searches_on_behalf_of_whom_its_run_is_for(shelf: Shelf) -> None:
    await shared(shelf)

    class Staff:
        async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
            return {"ana": ANA, "bob": BOB}[principal]

    box = SkillBox(document_skills(shelf.memory, SystemClock(), Callers(Staff())))
    for principal, sees in (("ana", True), ("bob", False)):
        context = ToolContext(
            workspace_id=WS, run_id="r", call_id="c", idempotency_key="k", principal=principal
        )
        found = await box.call("memory_search", {"query": "zebra salary"}, context)
        assert ("secret.md" in {row["source"] for row in found["passages"]}) is sees


def letter(shelf: Shelf, **attached: str) -> Path:
    message = EmailMessage()
    message["Subject"] = "Pay"
    message.set_content("The lists are attached.")
    for name, text in attached.items():
        message.add_attachment(text.encode(), maintype="text", subtype="markdown", filename=f"{name}.md")
    path = shelf.write("pay.eml", "")
    path.write_bytes(message.as_bytes())
    return path


async def test_what_is_attached_is_seen_by_those_alone_who_see_the_letter(shelf: Shelf) -> None:
    path = letter(shelf, june="The zebra keeper earns 900.")
    await shelf.take(path)
    assert len(await shelf.memory.documents(WS, on_behalf=BOB)) == 2
    restricted = DocumentLabels(acl=("team:hr",), tags=("pay",))
    assert (await shelf.take(path, labels=restricted))["pay.eml"] == "unchanged"
    assert await shelf.memory.documents(WS, on_behalf=BOB) == []
    letter(shelf, june="The zebra keeper earns 900.", july="The lion keeper earns 950.")
    assert (await shelf.take(path))["pay.eml"] == "updated"
    assert await shelf.memory.documents(WS, on_behalf=BOB) == []
    assert not await shelf.memory.search(WS, "lion keeper", on_behalf=BOB)
    assert {one.source: one.tags for one in await shelf.memory.documents(WS, on_behalf=ANA)} == {
        "pay.eml": ("pay",),
        "pay.eml/june.md": ("pay",),
        "pay.eml/july.md": ("pay",),
    }


async def test_only_documents_of_the_own_workspace_are_told_to_be_hidden(shelf: Shelf) -> None:
    path = shelf.write("pay.md", "The pay of the director.")
    await shelf.take(labels=DocumentLabels(acl=("user:ana",)))
    hidden = shelf.memory.hidden
    assert len(await hidden(WS, [path], on_behalf=frozenset({"user:bob"}))) == 1
    assert await hidden(WS, [path], on_behalf=frozenset({"user:ana"})) == []
    assert await hidden("another", [path], on_behalf=frozenset({"user:bob"})) == []


async def test_counts_and_bound_sources_are_those_of_what_may_be_seen(shelf: Shelf) -> None:
    await shared(shelf)
    memory = shelf.memory
    every, seen = await memory.status(WS), await memory.status(WS, on_behalf=BOB)
    assert await memory.status(WS, on_behalf=ANA) == every
    assert (every.documents, every.tables, every.embedded) == (3, 1, every.chunks)
    names = ["secret.md", "pay.csv", "open.md", "never.md"]
    assert await memory.missing(WS, names) == ["never.md"]
    assert await memory.missing(WS, names, on_behalf=ANA) == ["never.md"]
    assert await memory.missing(WS, names, on_behalf=BOB) == ["secret.md", "pay.csv", "never.md"]
    for name in names[:2]:
        await memory.remove(WS, name)
    assert await memory.status(WS) == seen


async def test_a_run_is_bound_only_to_what_its_principal_may_see(shelf: Shelf) -> None:
    await shared(shelf)

    class Staff:
        async def on_behalf(self, workspace_id: str, principal: str) -> frozenset[str]:
            return {"ana": ANA, "bob": BOB}[principal]

    index = SourcesFor(shelf.memory, Staff())
    await check_sources(index, WS, ["secret.md"], "ana")
    with pytest.raises(InvalidInput) as hidden:
        await check_sources(index, WS, ["secret.md"], "bob")
    with pytest.raises(InvalidInput) as unknown:
        await check_sources(index, WS, ["secreta.md"], "bob")
    assert hidden.value.message == unknown.value.message.replace("secreta", "secret")
