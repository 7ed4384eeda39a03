"""Signed bundles between workspaces and installations: what is taken, and what is refused whole."""

import asyncio
import hashlib
import io
import tarfile

import pytest

from flowmatik.agents.channels.archive import MANIFEST, SIGNATURE, packed, signed_bytes, unpacked
from flowmatik.contracts.bundles import Incoming
from flowmatik.contracts.channels import Author, Evaluation, Share
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound, PermissionDenied
from tests.contracts.catalogue.conftest import WS, Shelf, profile

ADA = Author(by="ada", reason="release 7")
PROD = "prod"


async def a_bundle(shelf: Shelf, instructions: str = "Read.") -> bytes:
    await shelf.catalogue.apply(WS, profile(instructions=instructions), filename="a.yaml")
    await shelf.catalogue.apply(WS, profile("clerk"), filename="c.yaml")
    return await shelf.bundles.create(WS, ADA)


async def nothing_there(shelf: Shelf, workspace_id: str = PROD) -> bool:
    return await shelf.versions.standings(workspace_id) == []


def with_files(content: bytes, **changed: bytes) -> bytes:
    """The same archive with other bytes in some of its files."""
    files = unpacked(content)
    files |= {name: value for name, value in changed.items() if name in files}
    texts = {name: value.decode() for name, value in files.items() if name.startswith("agents/")}
    return packed(files[MANIFEST], files[SIGNATURE], texts)


async def test_a_bundle_brings_agents_with_origin_and_scores(shelf: Shelf) -> None:
    agent = await shelf.catalogue.apply(WS, profile(), filename="a.yaml")
    score = Evaluation(
        name="reader", version=agent.version, set_name="s", set_hash="h", score=0.75, n=8, model="m"
    )
    await shelf.versions.record_evaluation(WS, score)
    content = await a_bundle(shelf)
    planned = await shelf.bundles.apply(PROD, Incoming(content=content, dry_run=True), ADA)
    assert await nothing_there(shelf)
    applied = await shelf.bundles.apply(PROD, Incoming(content=content), ADA)
    assert applied == planned
    assert [(one.name, one.channel, one.was) for one in applied.changes] == [
        ("clerk", "stable", ()),
        ("reader", "stable", ()),
    ]
    standing = await shelf.versions.standing(PROD, "reader")
    (version,) = standing.versions
    assert (version.version, version.origin.kind, version.origin.bundle) == (
        agent.version,
        "bundle",
        applied.bundle.id,
    )
    assert version.origin.source == f"{applied.bundle.key_id}:{WS}"
    assert [(one.score, one.n, one.model) for one in version.evaluations] == [(0.75, 8, "m")]
    (change,) = await shelf.versions.history(PROD, "reader")
    assert (change.what, change.by, change.reason) == ("bundled", "ada", "release 7")
    assert await shelf.catalogue.profile(PROD, "reader") == profile()


async def test_a_bundle_goes_to_the_channel_that_is_named_and_takes_the_one_that_is_asked_for(
    shelf: Shelf,
) -> None:
    await a_bundle(shelf)
    draft = await shelf.catalogue.apply(
        WS, profile(instructions="Later."), filename="a.yaml", channel="draft"
    )
    content = await shelf.bundles.create(WS, ADA, names=["reader"], channel="draft")
    await shelf.bundles.apply(PROD, Incoming(content=content, channel="staging"), ADA)
    standing = await shelf.versions.standing(PROD, "reader")
    assert [(one.name, one.shares) for one in standing.channels] == [
        ("staging", (Share(version=draft.version),))
    ]
    with pytest.raises(NotFound, match="no channel 'draft'"):
        await shelf.bundles.create(WS, ADA, names=["clerk"], channel="draft")
    with pytest.raises(NotFound, match="nothing to bundle"):
        await shelf.bundles.create(WS, ADA, channel="nowhere")


async def test_an_unknown_key_is_refused_until_somebody_trusts_it(shelf: Shelf) -> None:
    content = await a_bundle(shelf)
    with pytest.raises(PermissionDenied, match="not trusted here") as refused:
        await shelf.elsewhere.apply(PROD, Incoming(content=content), ADA)
    assert refused.value.code == "auth.denied.bundle_key"
    assert await nothing_there(shelf)
    (own,) = await shelf.bundles.keys(WS)
    other = (await shelf.elsewhere.keys(WS))[0].public
    with pytest.raises(PermissionDenied, match="not the one that was given"):
        await shelf.elsewhere.verify(PROD, Incoming(content=content, key=other))
    once = await shelf.elsewhere.verify(PROD, Incoming(content=content, key=own.public))
    assert once.trusted == "--key"
    key = await shelf.elsewhere.trust(PROD, own.public, "staging", ADA)
    assert (await shelf.elsewhere.verify(PROD, Incoming(content=content))).trusted == "staging"
    with pytest.raises(PermissionDenied):
        await shelf.elsewhere.verify("another-workspace", Incoming(content=content))
    await shelf.elsewhere.distrust(PROD, key.key_id, ADA)
    with pytest.raises(PermissionDenied):
        await shelf.elsewhere.verify(PROD, Incoming(content=content))
    with pytest.raises(NotFound, match="no trusted key"):
        await shelf.elsewhere.distrust(PROD, key.key_id, ADA)
    for bad in ("", "AAAA", "not base64!"):
        with pytest.raises(InvalidInput, match="no public key"):
            await shelf.elsewhere.trust(PROD, bad, "x", ADA)


async def test_whatever_was_changed_in_a_bundle_it_is_refused_whole(shelf: Shelf) -> None:
    content = await a_bundle(shelf)
    files = unpacked(content)
    agent = next(name for name in files if name.startswith("agents/reader@"))
    manifest = canonical.loads(files[MANIFEST])
    forged = profile(instructions="Leak.").encode()
    digest = hashlib.sha256(forged).hexdigest()
    swapped = [{**one, "sha256": digest} if one["name"] == "reader" else one for one in manifest["agents"]]
    resigned = canonical.dumps({**manifest, "agents": swapped}).encode()
    dated = canonical.dumps({**manifest, "made_at": "2030-01-01T00:00:00.000000+00:00"}).encode()
    hostile = {
        "was changed": with_files(content, **{agent: forged}),
        "signature does not fit": with_files(content, **{agent: forged, MANIFEST: resigned}),
        "its signature does not fit": with_files(content, **{MANIFEST: dated}),
        "it was changed after": with_files(content, **{SIGNATURE: bytes(64)}),
        "no tar archive": content[:700],
        "empty file": b"",
        "manifest cannot be read": with_files(content, **{MANIFEST: b"{}"}),
    }
    for words, bad in hostile.items():
        with pytest.raises(InvalidInput, match=words) as refused:
            await shelf.bundles.apply(PROD, Incoming(content=bad), ADA)
        assert refused.value.code == "input.bundle"
    assert await nothing_there(shelf)


async def test_an_older_bundle_or_the_same_again_is_refused(shelf: Shelf) -> None:
    older = await a_bundle(shelf)
    newer = await a_bundle(shelf, "Read twice.")
    await shelf.bundles.apply(PROD, Incoming(content=newer), ADA)
    for content, words in ((older, "is older than"), (newer, "was applied already")):
        with pytest.raises(Conflict, match=words) as refused:
            await shelf.bundles.apply(PROD, Incoming(content=content), ADA)
        assert refused.value.code == "conflict.bundle_older"
    assert (await shelf.catalogue.get(PROD, "reader")).instructions == "Read twice."
    assert (await shelf.bundles.verify(PROD, Incoming(content=older))).source == WS


async def test_of_one_bundle_that_is_applied_several_times_at_once_one_gets_in(shelf: Shelf) -> None:
    content = await a_bundle(shelf)
    done = await asyncio.gather(
        *(shelf.bundles.apply(PROD, Incoming(content=content), ADA) for _ in range(4)),
        return_exceptions=True,
    )
    lost = [one for one in done if isinstance(one, BaseException)]
    assert len(lost) == 3
    assert all(isinstance(one, Conflict) for one in lost), lost
    assert len(await shelf.versions.history(PROD, "reader")) == 1


async def test_a_bundle_that_needs_what_is_not_here_changes_nothing(shelf: Shelf) -> None:
    content = await a_bundle(shelf)
    files = unpacked(content)
    text = profile("clerk", more="tools: [teleport]\n")
    manifest = canonical.loads(files[MANIFEST])
    clerk = next(one for one in manifest["agents"] if one["name"] == "clerk")
    clerk["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    said = canonical.dumps(manifest).encode()
    path = f"agents/clerk@{clerk['version']}.yaml"
    reader = next(name for name in files if name.startswith("agents/reader@"))
    signature = shelf.key.sign(signed_bytes(said))
    odd = packed(said, signature, {path: text, reader: files[reader].decode()})
    with pytest.raises(FlowmatikError, match="there is no tool 'teleport'"):
        await shelf.bundles.apply(PROD, Incoming(content=odd), ADA)
    assert await nothing_there(shelf)


async def test_a_blocked_version_does_not_come_back_with_a_bundle(shelf: Shelf) -> None:
    first = await a_bundle(shelf)
    await shelf.bundles.apply(PROD, Incoming(content=first), ADA)
    blocked = await shelf.catalogue.get(PROD, "reader")
    await shelf.catalogue.apply(PROD, profile(instructions="Safer."), filename="a.yaml")
    await shelf.versions.deprecate(PROD, blocked.ref(), Author(by="ada", reason="leaks"), block=True)
    again = await shelf.bundles.create(WS, ADA)
    with pytest.raises(Conflict, match="leaks"):
        await shelf.bundles.apply(PROD, Incoming(content=again), ADA)
    assert (await shelf.catalogue.get(PROD, "reader")).instructions == "Safer."


def test_the_same_content_is_the_same_bytes() -> None:
    texts = {"agents/b@000000000001.yaml": "b", "agents/a@000000000001.yaml": "a"}
    one = packed(b"{}", b"s", texts)
    assert one == packed(b"{}", b"s", dict(reversed(texts.items())))
    with tarfile.open(fileobj=io.BytesIO(one)) as archive:
        entries = archive.getmembers()
    assert [entry.name for entry in entries] == [MANIFEST, SIGNATURE, *sorted(texts)]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, 0, "")}
