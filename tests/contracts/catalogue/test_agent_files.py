"""The catalogue as files for Git: written, changed in an editor, and taken over whole or not at all."""

from dataclasses import replace

import pytest

from flowmatik.agents import parse_profile, read_files
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import AgentFile, Author, Promotion, Share
from flowmatik.kernel.errors import InvalidInput, ProfileInvalid
from tests.contracts.catalogue.conftest import WS, Shelf, profile

ADA = Author(by="ada")
HEAD = "apiVersion: flowmatik/v1\nkind: AgentChannels\nagents:\n"


def parsed(text: str, filename: str) -> AgentVersion:
    return parse_profile(text, filename=filename)


async def exported(shelf: Shelf) -> list[AgentFile]:
    await shelf.catalogue.apply(WS, profile("clerk"), filename="c.yaml")
    await shelf.catalogue.apply(WS, profile(), filename="a.yaml")
    await shelf.catalogue.apply(WS, profile(instructions="Later."), filename="a.yaml", channel="canary")
    await shelf.versions.promote(WS, Promotion(name="reader", source="canary", weight=10), ADA)
    return await shelf.versions.export(WS)


def as_dict(files: list[AgentFile]) -> dict[str, str]:
    return {file.path: file.text for file in files}


def changed(files: list[AgentFile], path: str, text: str) -> list[AgentFile]:
    return [replace(file, text=text) if file.path == path else file for file in files]


async def test_an_export_has_a_profile_for_each_agent_and_where_channels_point(shelf: Shelf) -> None:
    files = as_dict(await exported(shelf))
    later = (await shelf.catalogue.get(WS, "reader@canary")).version
    other = f"versions/reader@{later}.yaml"
    assert list(files) == ["channels.yaml", "clerk.yaml", "reader.yaml", other]
    assert files["reader.yaml"] == profile()
    assert f"    stable:\n      reader.yaml: 90\n      {other}: 10\n" in files["channels.yaml"]
    assert list(as_dict(await shelf.versions.export(WS, ["clerk"]))) == ["channels.yaml", "clerk.yaml"]


async def test_an_export_imported_elsewhere_is_the_same_catalogue_and_again_changes_nothing(
    shelf: Shelf,
) -> None:
    files = await exported(shelf)
    assert await shelf.versions.import_files(WS, files, ADA) == []
    planned = await shelf.versions.import_files("git", files, ADA, dry_run=True)
    assert await shelf.versions.standings("git") == []
    assert await shelf.versions.import_files("git", files, ADA) == planned
    assert await shelf.versions.export("git") == files
    assert await shelf.versions.import_files("git", files, ADA) == []
    (change, *_) = await shelf.versions.history("git", "clerk")
    assert (change.what, change.by) == ("imported", "ada")


async def test_a_profile_that_was_edited_moves_the_channels_that_name_its_file(shelf: Shelf) -> None:
    files = await exported(shelf)
    edited = changed(files, "clerk.yaml", profile("clerk", "File it."))
    (planned,) = await shelf.versions.import_files(WS, edited, ADA, dry_run=True)
    assert (planned.name, planned.channel, planned.was[0].version) == (
        "clerk",
        "stable",
        (await shelf.catalogue.get(WS, "clerk")).version,
    )
    await shelf.versions.import_files(WS, edited, ADA)
    assert planned.becomes == (Share(version=(await shelf.catalogue.get(WS, "clerk")).version),)
    assert (await shelf.catalogue.get(WS, "clerk")).instructions == "File it."


async def test_every_fault_of_every_file_is_told_and_nothing_is_taken_over(shelf: Shelf) -> None:
    files = await exported(shelf)
    bad = changed(files, "clerk.yaml", profile("clerk", more="tools: [teleport]\nbudget: 3\n"))
    bad = changed(bad, "reader.yaml", profile(instructions="Changed."))
    bad = changed(
        bad,
        "channels.yaml",
        HEAD + "  clerk:\n    stable: clerk.yaml\n  reader:\n    stable: {reader.yaml: 70}\n"
        "    Beta: reader.yaml\n    canary: missing.yaml\n    draft: {reader.yaml: x}\nmore: 1\n",
    )
    with pytest.raises(ProfileInvalid) as refused:
        await shelf.versions.import_files(WS, bad, ADA)
    told = refused.value.message
    for words in (
        "clerk.yaml:7:9: tools.0: there is no tool 'teleport'",
        "clerk.yaml:8:1: budget: is not a field",
        "channels.yaml:7:5: agents.reader.stable: the weights of different versions must add up to "
        "100, not 70",
        "channels.yaml:8:5: agents.reader.Beta: cannot be the name of a channel",
        "channels.yaml:9:5: agents.reader.canary: there is no file 'missing.yaml'",
        "channels.yaml:10:13: agents.reader.draft.reader.yaml: must be a whole number from 1 to 100",
        "channels.yaml:11:1: more: is not a field",
    ):
        assert words in told, told
    assert await shelf.versions.export(WS) == files
    assert len(await shelf.catalogue.list_versions(WS, "reader")) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agents: [", "channels.yaml:1:10: not YAML"),
        ("", r"channels.yaml:1:1: channels.yaml: must be a table"),
        (HEAD + "  reader: {stable: clerk.yaml}\n", "is the agent 'clerk', not 'reader'"),
        (HEAD + "  reader: &a {stable: reader.yaml}\n  clerk: *a\n", "is a reference"),
        (HEAD.replace("AgentChannels", "Agent") + "  {}\n", "kind: must be 'AgentChannels'"),
        (HEAD + "  reader: reader.yaml\n", "agents.reader: must be a table of fields"),
        (HEAD + "  clerk: {stable: clerk.yaml}\n  clerk: {stable: clerk.yaml}\n", "stands twice"),
    ],
)
def test_a_faulty_list_of_channels_is_refused_by_its_place(text: str, words: str) -> None:
    files = [AgentFile(path="channels.yaml", text=text)]
    files += [AgentFile(path=f"{name}.yaml", text=profile(name)) for name in ("reader", "clerk")]
    with pytest.raises(ProfileInvalid) as refused:
        read_files(files, parsed)
    assert words in refused.value.message


async def test_agents_that_no_list_names_become_stable_and_the_others_stay_as_they_are(shelf: Shelf) -> None:
    await exported(shelf)
    new = [AgentFile(path="deep/scribe.yaml", text=profile("scribe"))]
    (change,) = await shelf.versions.import_files(WS, new, ADA)
    assert (change.name, change.channel, change.was) == ("scribe", "stable", ())
    assert [agent.name for agent in await shelf.catalogue.list(WS)] == ["clerk", "reader", "scribe"]
    twice = [AgentFile(path=f"{n}.yaml", text=profile("scribe", f"Write {n}.")) for n in "ab"]
    with pytest.raises(ProfileInvalid, match=r"b\.yaml:1:1: the agent 'scribe' stands in two files"):
        await shelf.versions.import_files(WS, twice, ADA)


@pytest.mark.parametrize("path", ["../a.yaml", "/a.yaml", "a//b.yaml", "a.txt", ""])
def test_paths_that_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="no path of an import"):
        read_files([AgentFile(path=path, text=profile())], parsed)
