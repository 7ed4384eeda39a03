"""Exports of Slack, Notion, Confluence and Drive, as archives that replace one another in their place."""

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flowmatik.kernel.errors import InvalidInput
from tests.contracts.sources.archives import packed
from tests.contracts.sources.conftest import ME, Setting, W, counted
from tests.integration.memory.support import WordEmbedder

pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)
Files = dict[str, object]
THREAD = "1709280000.000100"


def slack() -> Files:
    def said(ts: str, user: str, text: str, **more: object) -> dict[str, object]:
        return {"type": "message", "ts": ts, "user": user, "text": text, **more}

    return {
        "users.json": [
            {"id": "U1", "name": "ana", "profile": {"real_name": "Ana Ruiz", "email": "Ana@example.org"}},
            {"id": "U2", "name": "luis", "profile": {"real_name": "Luis Gil", "email": "luis@example.org"}},
            {"id": "U3", "name": "bot", "profile": {"real_name": "Bot"}},
        ],
        "channels.json": [{"id": "C1", "name": "birds", "members": ["U1", "U2"]}],
        "groups.json": [{"id": "G1", "name": "board", "members": ["U2"]}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}, {"id": "D2", "members": ["U3"]}],
        "birds/2024-03-01.json": [
            said(THREAD, "U1", "<@U2> saw a heron &amp; a stork in <#C1|birds>", thread_ts=THREAD),
            said("1709280100.000100", "U1", "Lunch is at noon."),
            said("1709280200.000100", "U2", "<@U2> has joined", subtype="channel_join"),
        ],
        "birds/2024-03-02.json": [
            said("1709366400.000100", "U2", "It wades, see <https://example.org|here>", thread_ts=THREAD),
        ],
        "board/2024-03-01.json": [said("1709280000.000200", "U2", "The budget of the board.")],
        "D1/2024-03-01.json": [said("1709280000.000300", "U1", "A secret.")],
        "D2/2024-03-01.json": [said("1709280000.000400", "U3", "Nobody reads this.")],
    }  # fmt: skip


def text_of(at: Setting, source: str) -> str:
    (copy,) = [
        one for one in (at.folder / "copies").rglob("*") if one.is_file() and str(one).endswith(source)
    ]
    return copy.read_text()


async def test_threads_of_slack_are_documents_of_the_members_of_their_channel(
    at: Setting, tmp_path: Path, embedder: WordEmbedder
) -> None:
    export = packed(tmp_path / "slack.zip", slack())
    await at.added("slack", path=str(export))
    assert counted(await at.synced()) == {"added": 4, "failed": 1}
    thread = "birds/2024-03-01-1709280000.000100.md"
    dm = "direct/Ana Ruiz, Luis Gil (D1)/2024-03-01.md"
    found = {one.source.removeprefix("docs/"): one for one in await at.memory.documents(W)}
    assert {path: tuple(one.acl) for path, one in found.items()} == {
        thread: (),
        "birds/2024-03-01.md": (),
        "board/2024-03-01.md": ("user:luis@example.org",),
        dm: ("user:ana@example.org", "user:luis@example.org"),
    }
    text = text_of(at, thread)
    assert "@Luis Gil saw a heron & a stork in #birds" in text
    assert "**Luis Gil** (2024-03-02 08:00): It wades, see here (https://example.org)" in text
    assert found[thread].metadata["authors"] == "Ana Ruiz, Luis Gil"
    assert found[thread].dated.startswith("2024-03-02")
    (letter,) = await at.sources.failures(ME, "docs")
    assert letter.code == "document.acl"

    embedded = len(embedder.calls)
    assert counted(await at.synced()) == {}  # the same file is not even opened
    later = slack()
    later["birds/2024-03-03.json"] = [
        {"ts": "1709452800.000100", "user": "U1", "text": "It has flown.", "thread_ts": "1709280000.000100"}
    ]
    del later["board/2024-03-01.json"]
    packed(export, later)
    assert counted(await at.synced()) == {"updated": 1, "unchanged": 3, "deleted": 1}
    assert 0 < len(embedder.calls) - embedded <= 2


async def test_a_damaged_day_of_slack_keeps_its_channel_as_it_was(at: Setting, tmp_path: Path) -> None:
    export = packed(tmp_path / "slack.zip", slack())
    await at.added("slack", path=str(export))
    await at.synced()
    names = await at.names()
    packed(export, slack() | {"birds/2024-03-02.json": b'[{"ts": '})
    report = await at.synced()
    assert (report.failed, report.deleted) == (1, 0)
    assert await at.names() == names
    packed(export, slack() | {"users.json": b"\xff\xfe["})
    assert (await at.synced()).code == "unavailable.source"
    assert await at.names() == names


def notion() -> Files:
    one, two = "a" * 32, "b" * 32
    return {
        f"Handbook {one}.md": "# Handbook\n\nCreated by: Ana Ruiz\n\n"
        f"[Birds](Handbook%20{one}/Birds%20{two}.md)\n",
        f"Handbook {one}/Birds {two}.md": "# Birds\n\nThe heron wades.\n",
        f"Handbook {one}/Birds {'c' * 32}.md": "# Birds\n\nAnother page of that name.\n",
        f"Handbook {one}/List {'d' * 32}.csv": "Name\nHeron\n",
        f"Handbook {one}/List {'d' * 32}_all.csv": "Name\nHeron\nStork\n",
        f"Página {'e' * 32}.html": f'<h1>Página</h1><a href="Handbook%20{one}.html">x</a><p>La garza.</p>',
    }


async def test_pages_of_notion_have_their_titles_places_and_links_without_ids(
    at: Setting, tmp_path: Path, embedder: WordEmbedder
) -> None:
    place = tmp_path / "exports"
    place.mkdir()
    packed(place / "a.zip", notion())
    await at.added("notion", path=str(place))
    assert counted(await at.synced()) == {"added": 5}
    handbook = "docs/Handbook.md"
    assert await at.names() == {
        handbook,
        "docs/Handbook/Birds bbbbbbbb.md",
        "docs/Handbook/Birds cccccccc.md",
        "docs/Handbook/List.csv",
        "docs/Página.html",
    }
    (one,) = [one for one in await at.memory.documents(W) if one.source == handbook]
    assert one.metadata["author"] == "Ana Ruiz"
    assert one.metadata["url"].endswith("a" * 32)
    assert "[Birds](Handbook/Birds.md)" in text_of(at, "Handbook.md")
    assert "Stork" in text_of(at, "List.csv")

    embedded = len(embedder.calls)
    moved = notion()
    moved[f"Elsewhere {'f' * 32}/Birds {'b' * 32}.md"] = moved.pop(f"Handbook {'a' * 32}/Birds {'b' * 32}.md")
    inner = packed(tmp_path / "inner.zip", moved)
    packed(place / "b.zip", {"Export-Part-1.zip": inner.read_bytes()})
    report = await at.synced()
    assert (report.moved, report.added, report.failed) == (2, 0, 0)  # the other one needs no id any more
    assert "docs/Elsewhere/Birds.md" in await at.names()
    assert len(embedder.calls) == embedded


ENTITIES = """<?xml version="1.0" encoding="UTF-8"?><hibernate-generic>
<object class="Space"><id name="id">9</id><property name="name"><![CDATA[Birds]]></property></object>
<object class="ConfluenceUserImpl"><id name="key">k1</id><property name="name"><![CDATA[ana]]></property>
 <property name="email"><![CDATA[ana@example.org]]></property></object>
<object class="ConfluenceUserImpl"><id name="key">k2</id>
 <property name="name"><![CDATA[luis@example.org]]></property></object>
{pages}
<object class="Page"><id name="id">2</id><property name="title"><![CDATA[Old]]></property>
 <property name="originalVersion" class="Page"><id name="id">1</id></property></object>
<object class="ContentPermissionSet"><id name="id">s1</id><property name="type"><![CDATA[View]]></property>
 <property name="owningContent" class="Page"><id name="id">3</id></property></object>
<object class="ContentPermission"><id name="id">p1</id><property name="type"><![CDATA[View]]></property>
 <property name="userSubject" class="ConfluenceUserImpl"><id name="key">k1</id></property>
 <property name="owningSet" class="ContentPermissionSet"><id name="id">s1</id></property></object>
<object class="ContentPermission"><id name="id">p2</id>
 <property name="groupName"><![CDATA[Ops Team]]></property>
 <property name="owningSet" class="ContentPermissionSet"><id name="id">s1</id></property></object>
<object class="ContentPermissionSet"><id name="id">s2</id><property name="type"><![CDATA[View]]></property>
 <property name="owningContent" class="Page"><id name="id">4</id></property></object>
<object class="ContentPermission"><id name="id">p3</id>
 <property name="userSubject" class="ConfluenceUserImpl"><id name="key">k2</id></property>
 <property name="owningSet" class="ContentPermissionSet"><id name="id">s2</id></property></object>
<object class="Attachment"><id name="id">7</id><property name="title"><![CDATA[plan.txt]]></property>
 <property name="version">2</property>
 <property name="containerContent" class="Page"><id name="id">3</id></property></object>
<object class="Label"><id name="id">l1</id><property name="name"><![CDATA[waders]]></property></object>
<object class="Labelling"><id name="id">l2</id>
 <property name="label" class="Label"><id name="id">l1</id></property>
 <property name="content" class="Page"><id name="id">1</id></property></object>
</hibernate-generic>"""


def confluence_page(page_id: int, title: str, body: str, parent: int = 0) -> str:
    above = f'<property name="parent" class="Page"><id name="id">{parent}</id></property>' if parent else ""
    return (
        f'<object class="Page" package="com.atlassian.confluence.pages"><id name="id">{page_id}</id>'
        f'<property name="title"><![CDATA[{title}]]></property>{above}'
        '<property name="space" class="Space"><id name="id">9</id></property>'
        '<property name="lastModificationDate">2024-03-01 10:00:00.000</property>'
        '<property name="contentStatus"><![CDATA[current]]></property></object>'
        f'<object class="BodyContent"><id name="id">b{page_id}</id>'
        f'<property name="body"><![CDATA[{body}]]></property>'
        f'<property name="content" class="Page"><id name="id">{page_id}</id></property></object>'
    )


def confluence(heron: str = "wades") -> Files:
    code = '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sql</ac:parameter>'
    link = '<ac:link><ri:page ri:content-title="Storks"/></ac:link>'
    pages = (
        confluence_page(1, "Herons", f"<p>The heron&nbsp;{heron}, see {link}.</p>{code}<ac:plain-text-body>"
                        "<![CDATA[SELECT 1]] ]]><![CDATA[></ac:plain-text-body></ac:structured-macro>"),
        confluence_page(3, "Plans", "<p>The plan.</p>", 1),
        confluence_page(4, "Secret", "<p>Nobody passes both.</p>", 3),
        confluence_page(5, "Below", "<p>Below the plans.</p>", 3),
    )  # fmt: skip
    return {
        "entities.xml": ENTITIES.replace("{pages}", "".join(pages)),
        "attachments/3/7/1": "The first plan.",
        "attachments/3/7/2": "The second plan.",
    }


async def test_a_space_of_confluence_keeps_its_places_and_restrictions(at: Setting, tmp_path: Path) -> None:
    export = packed(tmp_path / "space.zip", confluence())
    await at.added("confluence", path=str(export))
    assert counted(await at.synced()) == {"added": 4, "failed": 1}
    some = ("group:ops-team", "user:ana@example.org")
    found = {one.source.removeprefix("docs/Birds/"): one for one in await at.memory.documents(W)}
    assert {path: tuple(sorted(one.acl)) for path, one in found.items()} == {
        "Herons.html": (),
        "Herons/Plans.html": some,
        "Herons/Plans/Below.html": some,
        "Herons/Plans/plan.txt": some,
    }
    assert tuple(found["Herons.html"].tags) == ("waders",)
    assert found["Herons.html"].dated.startswith("2024-03-01")
    text = text_of(at, "Herons.html")
    assert "Storks" in text
    assert "<pre>SELECT 1" in text
    assert "sql" not in text
    assert text_of(at, "plan.txt") == "The second plan."
    (letter,) = await at.sources.failures(ME, "docs")
    assert (letter.path, letter.code) == ("Birds/Herons/Plans/Secret.html", "document.acl")
    packed(export, confluence("has flown"))
    assert counted(await at.synced()) == {"updated": 1, "unchanged": 4}
    for broken in (
        {"entities.xml": '<!DOCTYPE x [<!ENTITY a "b">]><hibernate-generic>&a;</hibernate-generic>'},
        {"entities.xml": str(confluence()["entities.xml"])[:-30]},
        {"readme.txt": "no"},
    ):
        packed(export, broken)
        report = await at.synced()
        assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    assert len(await at.names()) == 4


def confluence_comment(number: int, page_id: int, body: str, status: str = "current", day: int = 1) -> str:
    return (
        f'<object class="Comment"><id name="id">c{number}</id>'
        f'<property name="containerContent" class="Page"><id name="id">{page_id}</id></property>'
        f'<property name="creator" class="ConfluenceUserImpl"><id name="key">u{number}</id></property>'
        f'<property name="creationDate">2024-04-0{day} 10:00:00.000</property>'
        f'<property name="contentStatus"><![CDATA[{status}]]></property></object>'
        f'<object class="ConfluenceUserImpl"><id name="key">u{number}</id>'
        f'<property name="fullName"><![CDATA[Person {number} & Co]]></property></object>'
        f'<object class="BodyContent"><id name="id">bc{number}</id>'
        f'<property name="body"><![CDATA[{body}]]></property>'
        f'<property name="content" class="Comment"><id name="id">c{number}</id></property></object>'
    )


async def test_comments_stand_below_their_page_for_whom_the_page_is(at: Setting, tmp_path: Path) -> None:
    said = (
        confluence_comment(1, 1, "<p>Later words.</p>", day=3),
        confluence_comment(2, 1, "<p>It wades at&nbsp;dawn.</p>", day=2),
        confluence_comment(3, 1, "<p>Deleted words.</p>", status="deleted"),
        confluence_comment(4, 3, "<p>Of the plan alone.</p>"),
    )
    files = confluence()
    files["entities.xml"] = str(files["entities.xml"]).replace(
        "</hibernate-generic>", f"{''.join(said)}</hibernate-generic>"
    )
    await at.added("confluence", path=str(packed(tmp_path / "space.zip", files)))
    assert counted(await at.synced()) == {"added": 4, "failed": 1}
    text = text_of(at, "Herons.html")
    order = ["The heron", "Person 2 &amp; Co, 2024-04-02", "It wades", "Person 1", "Later words."]
    assert sorted(order, key=text.index) == order
    assert "Deleted words." not in text
    assert "Of the plan" not in text
    assert "Of the plan alone." in text_of(at, "Plans.html")
    (plan,) = [one for one in await at.memory.documents(W) if one.source.endswith("Plans.html")]
    assert "user:ana@example.org" in plan.acl


async def test_a_bad_comment_or_attachment_is_reported_and_its_page_is_taken(
    at: Setting, tmp_path: Path
) -> None:
    noise = random.Random(7).randbytes(5_000_000).hex()  # which is no bomb
    said = (
        confluence_comment(1, 1, f"<p>{noise}{noise}{noise}</p>", day=1),
        confluence_comment(2, 1, "<p>It wades at dawn.</p>", day=2),
        confluence_comment(3, 1, f"<p>{noise}</p>", day=3),
        confluence_comment(4, 1, f"<p>{noise}</p>", day=4),
    )
    files = confluence()
    files["entities.xml"] = str(files["entities.xml"]).replace(
        "</hibernate-generic>", f"{''.join(said)}</hibernate-generic>"
    )
    files["attachments/3/7/2"] = b"\0" * 30_000_000
    export = packed(tmp_path / "space.zip", files)
    await at.added("confluence", path=str(export))
    assert (await at.synced()).added == 3
    text = text_of(at, "Herons.html")
    for one in ("The heron", "It wades at dawn.", "Person 3"):
        assert one in text
    for one in ("Person 1", "Person 4"):
        assert one not in text
    told = {one.path: one.code for one in await at.sources.failures(ME, "docs")}
    assert told == {
        "Birds/Herons/Person 1 & Co, 2024-04-01 c1.html": "document.too_large",
        "Birds/Herons/Person 4 & Co, 2024-04-04 c4.html": "document.too_large",
        "Birds/Herons/Plans/Secret.html": "document.acl",
        "Birds/Herons/Plans/plan.txt": "document.too_large",
    }
    packed(export, confluence())
    assert counted(await at.synced()) == {"added": 1, "updated": 1, "unchanged": 3}
    assert [one.path for one in await at.sources.failures(ME, "docs")] == ["Birds/Herons/Plans/Secret.html"]


def nested(depth: int, before: str = "") -> str:
    return f"{before}{'<div>' * depth}Inmost words.{'</div>' * depth}<p>Last words.</p>"


@pytest.mark.parametrize("before", ["", "&" * 5000])
async def test_pages_are_read_as_deep_as_can_be_and_a_deeper_one_is_reported(
    at: Setting, tmp_path: Path, before: str
) -> None:
    pages = (
        confluence_page(1, "Deep", nested(1900, before)),
        confluence_page(5, "Deeper", nested(2100, before)),
    )
    said = confluence_comment(1, 1, nested(2100, before))
    files: Files = {"entities.xml": ENTITIES.replace("{pages}", "".join((*pages, said)))}
    await at.added("confluence", path=str(packed(tmp_path / "space.zip", files)))
    await at.synced()
    text = text_of(at, "Deep.html")
    assert "Inmost words." in text
    assert "Last words." in text
    told = {one.path: (one.code, "2,000 deep" in one.reason) for one in await at.sources.failures(ME, "docs")}
    assert told["Birds/Deeper.html"] == ("document.deep", True)
    assert told["Birds/Deep/Person 1 & Co, 2024-04-01 c1.html"] == ("document.deep", True)


async def test_a_page_of_html_that_is_too_deep_is_reported(at: Setting, tmp_path: Path) -> None:
    page = "<html><head><title>Birds : {}</title></head><body><div id='main-content'>{}</div></body></html>"
    files: Files = {
        "B/index.html": "<html><body>Index</body></html>",
        "B/1.html": page.format("Deep", nested(1900)),
        "B/2.html": page.format("Deeper", nested(2100)),
    }
    await at.added("confluence", path=str(packed(tmp_path / "space.zip", files)))
    assert counted(await at.synced()) == {"added": 1, "failed": 1}
    assert "Last words." in text_of(at, "Deep.html")
    (letter,) = await at.sources.failures(ME, "docs")
    assert (letter.path, letter.code) == ("B/2.html", "document.deep")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"attachments/3/7/10": "The tenth plan.", "attachments/3/7/9": "The ninth plan."}, ""),
        ({"attachments/3/7/10": b"\0" * 30_000_000, "attachments/3/7/9": "Old."}, "document.too_large"),
        ({"attachments/3/7/9": "The ninth plan."}, "document.version"),
    ],
)
@pytest.mark.parametrize("says", ["10", ""])
async def test_an_earlier_version_of_an_attachment_never_stands_for_the_newest(
    at: Setting, tmp_path: Path, says: str, files: Files, code: str
) -> None:
    """Without a number in the object the highest is the newest that anybody can know of."""
    made = confluence()
    made["entities.xml"] = str(made["entities.xml"]).replace('"version">2<', f'"version">{says}<')
    await at.added("confluence", path=str(packed(tmp_path / "space.zip", {**made, **files})))
    await at.synced()
    told = {one.path: one.code for one in await at.sources.failures(ME, "docs")}
    names = {one.source for one in await at.memory.documents(W)}
    if not says and code == "document.version":
        assert text_of(at, "plan.txt") == "The ninth plan."
    elif code:
        assert told.pop("Birds/Herons/Plans/plan.txt") == code
        assert "docs/Birds/Herons/Plans/plan.txt" not in names
    else:
        assert text_of(at, "plan.txt") == "The tenth plan."
    assert told == {"Birds/Herons/Plans/Secret.html": "document.acl"}


async def test_a_bad_attachment_of_notion_is_reported_and_its_page_is_taken(
    at: Setting, tmp_path: Path
) -> None:
    files = notion() | {f"Handbook {'a' * 32}/plan.pdf": b"\0" * 30_000_000}
    files[f"Handbook {'a' * 32}/notes.docx"] = "no document"
    await at.added("notion", path=str(packed(tmp_path / "notion.zip", files)))
    report = await at.synced()
    assert (report.added, report.failed) == (5, 2)
    assert "docs/Handbook.md" in await at.names()
    told = {one.path.rpartition("/")[2]: one.code for one in await at.sources.failures(ME, "docs")}
    assert told == {"plan.pdf": "document.too_large", "notes.docx": "document.unreadable"}


async def test_restrictions_hold_for_pages_however_deep_and_names_take_nobodys_place(
    at: Setting, tmp_path: Path
) -> None:
    deep = [confluence_page(100 + n, f"P{n}", f"<p>At {n}.</p>", 99 + n if n else 3) for n in range(104)]
    files = confluence()
    pages = (
        confluence_page(1, "Herons", "<p>The heron wades.</p>"),
        confluence_page(3, "Plans", "<p>The plan.</p>", 1),
        confluence_page(6, "Plans.", "<p>Nothing.</p>", 1),
        confluence_page(8, "Plans 3", "<p>Of somebody else.</p>", 1),
        *deep,
    )
    files["entities.xml"] = ENTITIES.replace("{pages}", "".join(pages))
    await at.added("confluence", path=str(packed(tmp_path / "space.zip", files)))
    await at.synced()
    some = ("group:ops-team", "user:ana@example.org")
    found = {one.source.removeprefix("docs/Birds/"): one for one in await at.memory.documents(W, limit=500)}
    below = [one for one in found.values() if int(one.metadata["page_id"]) >= 100]
    assert len(below) == 97  # and "Herons", "Plans" above them
    assert {tuple(sorted(one.acl)) for one in below} == {some}
    plan = found["Herons/Plans 3.html"]
    assert (plan.metadata["page_id"], tuple(sorted(plan.acl))) == ("3", some)
    letters = {one.path: one.code for one in await at.sources.failures(ME, "docs")}
    assert letters.pop("Birds/Herons/Plans 3.html (2)") == "document.unreadable"
    assert [*letters.values()] == ["document.acl"] * 7


async def test_entities_that_are_damaged_lose_the_source_and_no_document(at: Setting, tmp_path: Path) -> None:
    export = packed(tmp_path / "space.zip", confluence())
    await at.added("confluence", path=str(export))
    await at.synced()
    whole = export.read_bytes()
    packed(export, confluence("waded"))
    with zipfile.ZipFile(export) as archive:
        first = archive.getinfo("entities.xml")
    broken = bytearray(export.read_bytes())
    middle = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
    broken[middle : middle + 20] = bytes(20)
    assert bytes(broken) != whole
    export.write_bytes(broken)
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)


async def test_a_space_of_confluence_in_html_has_pages_without_what_is_around_them(
    at: Setting, tmp_path: Path
) -> None:
    crumbs = '<ol id="breadcrumbs"><a href="index.html">Birds</a> <a href="1.html">Herons</a></ol>'
    page = (
        "<html><head><title>Birds : Grey &amp; blue</title></head><body>{}<h1><span id='title-text'>"
        "Birds : Grey &amp; blue</span></h1><div class='page-metadata'>Created by "
        "<span class='author'>Ana</span></div>"
        "<div id='main-content'><p>The heron wades.</p></div><footer>Atlassian</footer></body></html>"
    )
    files: Files = {
        "B/index.html": "<html><body>Index</body></html>",
        "B/Grey_12.html": page.format(crumbs),
        "B/attachments/12/7.txt": "Attached.",
    }
    await at.added("confluence", path=str(packed(tmp_path / "html.zip", files)))
    assert counted(await at.synced()) == {"added": 2}
    name = "docs/Birds/Herons/Grey & blue"
    assert await at.names() == {f"{name}.html", f"{name}/7.txt"}
    assert "Atlassian" not in text_of(at, "Grey & blue.html")
    assert {one.metadata.get("author") for one in await at.memory.documents(W)} == {"Ana", None}


async def test_files_of_a_takeout_are_for_whom_they_are_shared_with(at: Setting, tmp_path: Path) -> None:
    place = tmp_path / "takeout"
    place.mkdir()

    def shared(*permissions: dict[str, str]) -> Files:
        return {
            "title": "T",
            "content_last_modified": "2024-03-01T10:00:00Z",
            "permissions": list(permissions),
        }

    ana = {"type": "user", "role": "owner", "name": "Ana Ruiz", "email_address": "ana@example.org"}
    one: Files = {
        "Takeout/Drive/a.txt": "The heron wades.",
        "Takeout/Drive/a.txt-info.json": shared(ana, {"type": "group", "email_address": "birds@example.org"}),
        "Takeout/Drive/all/b.txt": "The stork claps.",
        "Takeout/Drive/all/b-info.json": shared({"type": "anyone", "id": "anyone"}),
        "Takeout/Drive/plain.txt": "The bittern booms.",
    }
    two: Files = {
        "Takeout/Drive/link.txt": "Whoever has the link.",
        "Takeout/Drive/link.txt-info.json": shared({"type": "anyone", "id": "anyoneWithLink"}),
        "Takeout/Drive/broken.txt": "Who knows.",
        "Takeout/Drive/broken.txt-info.json": b"{",
    }
    packed(place / "takeout-20240301T100000Z-002.zip", two)
    await at.added("drive", path=str(place))
    assert "part 001" in (await at.synced()).reason
    packed(place / "takeout-20240301T100000Z-001.zip", one)
    assert counted(await at.synced()) == {"added": 3, "failed": 2}
    found = {document.source: document for document in await at.memory.documents(W)}
    assert {path: tuple(sorted(document.acl)) for path, document in found.items()} == {
        "docs/a.txt": ("group:birds@example.org", "user:ana@example.org"),
        "docs/all/b.txt": (),
        "docs/plain.txt": (),
    }
    assert found["docs/a.txt"].metadata["author"] == "Ana Ruiz"
    assert found["docs/a.txt"].dated.startswith("2024-03-01")
    assert {letter.code for letter in await at.sources.failures(ME, "docs")} == {"document.acl"}


def linked(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("Takeout/Drive/link.md")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")


async def test_what_is_wrong_with_a_file_of_an_archive_is_said_of_that_file(
    at: Setting, tmp_path: Path
) -> None:
    export = packed(
        tmp_path / "drive.zip",
        {
            "Takeout/Drive/good.md": "# Heron\n\nIt wades.",
            "Takeout/Drive/../../../etc/evil.md": "No.",
            "/etc/absolute.md": "No.",
            "Takeout/Drive/bomb.md": b"\0" * 30_000_000,
            "Takeout/Drive/latin.md": "# Cig\xfce\xf1a\n\nUna cig\xfce\xf1a vuela.".encode("cp1252"),
        },
    )
    linked(export)
    await at.added("drive", path=str(export))
    report = await at.synced()
    assert (report.added, report.failed) == (2, 4)
    assert {one.code for one in await at.sources.failures(ME, "docs")} == {
        "document.outside",
        "document.too_large",
        "document.irregular",
    }
    assert await at.names() == {"docs/good.md", "docs/latin.md"}
    assert not list(tmp_path.parent.rglob("evil.md"))


def overlapping(whole: bytes) -> bytes:
    """Both entries of the directory name the first file's data."""
    end = whole.rindex(b"PK\x05\x06")
    begin = whole.index(b"PK\x01\x02")
    first = whole[begin : whole.index(b"PK\x01\x02", begin + 4)]
    many = first * 50
    tail = bytearray(whole[end:])
    tail[8:10] = tail[10:12] = (50).to_bytes(2, "little")
    tail[12:16] = len(many).to_bytes(4, "little")
    return whole[:begin] + many + bytes(tail)


def cut(whole: bytes) -> bytes:
    return whole[:-40]


def something_else(whole: bytes) -> bytes:
    return b"no archive" + whole[:10]


@pytest.mark.parametrize("broken", [cut, something_else, overlapping])
async def test_an_export_that_is_not_whole_deletes_nothing(
    at: Setting, tmp_path: Path, broken: Callable[[bytes], bytes]
) -> None:
    text = "".join(chr(97 + (n * n) % 26) for n in range(5000))
    export = packed(tmp_path / "d.zip", {"Takeout/Drive/a.md": f"# A\n\n{text}", "Takeout/Drive/b.md": "B."})
    await at.added("drive", path=str(export))
    await at.synced()
    export.write_bytes(broken(export.read_bytes()))
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    export.unlink()
    assert (await at.synced()).code == "unavailable.source"
    assert len(await at.names()) == 2


@pytest.mark.parametrize("kind", ["slack", "notion", "confluence", "drive"])
async def test_an_archive_of_something_else_and_wrong_settings_are_refused(
    at: Setting, tmp_path: Path, kind: str
) -> None:
    export = packed(tmp_path / "x.zip", {"readme.txt": "Something else."})
    await at.added(kind, path=str(export))
    assert (await at.synced()).code == "unavailable.source"
    for wrong in ({}, {"path": "x.zip"}, {"path": str(export), "more": "1"}):
        with pytest.raises(InvalidInput):
            await at.added(kind, "other", **wrong)
