"""Playbooks of workspaces: versions, the current one, and who sees them; the same on every store."""

import asyncio

import pytest

from flowmatik.agents.playbooks import StoredPlaybooks
from flowmatik.app.task_forms import PlanForms
from flowmatik.contracts.playbooks import PlaybookVersion
from flowmatik.kernel.errors import NotFound, PlanInvalid
from tests.contracts.catalogue.conftest import WS, SecondClock, Shelf

HEAD = "apiVersion: flowmatik/v1\nkind: Playbook\nmetadata: {{name: {name}}}\nsummary: {summary}\n"
TASK = "tasks: [{{id: a, objective: 'Look at ${{site}}', agent: {agent}}}]\n"


def text(name: str = "report", *, summary: str = "Reports.", agent: str = "reader", more: str = "") -> str:
    head = HEAD.format(name=name, summary=summary)
    return head + "parameters: {site: {required: true}}\n" + TASK.format(agent=agent) + more


@pytest.fixture
async def playbooks(shelf: Shelf) -> StoredPlaybooks:
    for workspace_id in (WS, "other"):
        await shelf.catalogue.apply(workspace_id, PROFILE, filename="reader.yaml")
    return StoredPlaybooks(shelf.database, SecondClock(), PlanForms(shelf.catalogue, ()))


PROFILE = (
    "apiVersion: flowmatik/v1\nkind: Agent\nmetadata: {name: reader}\nsummary: Reads.\nrole: researcher\n"
    "instructions: Read.\n"
)


async def apply(playbooks: StoredPlaybooks, given: str, workspace_id: str = WS) -> PlaybookVersion:
    return await playbooks.apply(workspace_id, given, filename="report.yaml")


async def test_the_same_text_is_the_same_version_and_an_older_one_comes_back(
    playbooks: StoredPlaybooks,
) -> None:
    old = await apply(playbooks, text())
    assert await apply(playbooks, "# another remark\n" + text()) == old
    assert await playbooks.text(WS, old.ref()) == text()
    new = await apply(playbooks, text(summary="Reports more."))
    assert [one.ref() for one in await playbooks.list(WS)] == [new.ref()]
    assert (await playbooks.get(WS, "report"), await playbooks.get(WS, old.ref())) == (new, old)
    await apply(playbooks, text())
    assert (await playbooks.get(WS, "report")) == old
    made = await playbooks.compile(WS, new.ref(), {"site": "Cork"})
    assert (made.ref, made.tasks[0].objective) == (new.ref(), "Look at Cork")


async def test_another_workspace_sees_removes_and_changes_nothing(playbooks: StoredPlaybooks) -> None:
    made = await apply(playbooks, text())
    for ref in ("report", made.ref()):
        with pytest.raises(NotFound, match="–"):
            await playbooks.get("other", ref)
        with pytest.raises(NotFound):
            await playbooks.compile("other", ref, {"site": "Cork"})
    with pytest.raises(NotFound):
        await playbooks.remove("other", "report")
    theirs = await apply(playbooks, text(summary="Theirs."), "other")
    assert [one.ref() for one in await playbooks.list(WS)] == [made.ref()]
    assert [one.ref() for one in await playbooks.list("other")] == [theirs.ref()]
    with pytest.raises(NotFound):
        await playbooks.text(WS, theirs.ref())


async def test_of_many_who_apply_at_once_one_is_current_and_every_version_is_there(
    playbooks: StoredPlaybooks,
) -> None:
    texts = [text(summary=f"Number {n % 5}.") for n in range(20)]
    made = await asyncio.gather(*(apply(playbooks, one) for one in texts))
    assert len({one.version for one in made}) == 5
    for one, given in zip(made, texts, strict=True):
        assert await playbooks.text(WS, one.ref()) == given
    (current,) = await playbooks.list(WS)
    assert current in made


async def test_a_removed_playbook_is_gone_for_new_runs_and_its_versions_stay(
    playbooks: StoredPlaybooks,
) -> None:
    made = await apply(playbooks, text())
    done = await asyncio.gather(*(playbooks.remove(WS, "report") for _ in range(4)), return_exceptions=True)
    assert [isinstance(one, NotFound) for one in done].count(False) == 1
    assert await playbooks.list(WS) == []
    with pytest.raises(NotFound):
        await playbooks.compile(WS, "report", {"site": "Cork"})
    assert (await playbooks.compile(WS, made.ref(), {"site": "Cork"})).ref == made.ref()


async def test_what_is_refused_leaves_the_current_version_as_it_was(playbooks: StoredPlaybooks) -> None:
    made = await apply(playbooks, text())
    for wrong, said in (
        (text(agent="nobody"), "report.yaml:6:"),
        (text(more="colour: red\n"), "report.yaml:7:"),
        (text().replace("${site}", "${sit}"), "tasks.0.objective"),
        (text() + "\x00", "not YAML"),
        ("", "mapping"),
    ):
        with pytest.raises(PlanInvalid) as caught:
            await apply(playbooks, wrong)
        assert said in caught.value.message
    assert (await playbooks.list(WS), await playbooks.text(WS, "report")) == ([made], text())


async def test_a_playbook_that_another_uses_may_change_and_go_and_what_is_left_is_said(
    playbooks: StoredPlaybooks,
) -> None:
    await apply(playbooks, text("look"))
    outer = (
        HEAD.format(name="outer", summary="Uses.") + "tasks:\n  - {id: o, use: look, with: {site: Cork}}\n"
    )
    await apply(playbooks, outer)
    assert [one.id for one in (await playbooks.compile(WS, "outer", {})).tasks] == ["o.a"]
    circle = HEAD.format(name="look", summary="Turns.") + "tasks:\n  - {id: i, use: outer}\n"
    with pytest.raises(PlanInvalid, match="look → outer → look"):
        await apply(playbooks, circle)
    await playbooks.remove(WS, "look")
    with pytest.raises(PlanInvalid, match="no playbook 'look'"):
        await playbooks.compile(WS, "outer", {})
