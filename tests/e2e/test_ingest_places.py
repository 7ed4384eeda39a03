"""What a server ingests from its own disk, for whom."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.cli import environment, make_home
from tests.e2e.serving import Server, up
from tests.e2e.within import flowmatik


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("places") / "home", "--no-examples")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the home that the settings name."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "boats.md").write_text("The ferry is called Golondrina.", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(home: Path, shelf: Path) -> Iterator[Server]:
    with up(home, environment(FLOWMATIK_INGEST_ROOTS=f"{home}:{shelf}")) as serving:
        yield serving


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    """Of an administrator who is not this machine's user."""
    made = server.post("/v1/auth/keys", json={"name": "far away", "scopes": ["admin"]})
    return str(made.json()["secret"])


def asked(server: Server, key: str, path: str) -> tuple[int, Any]:
    answer = httpx.post(
        f"{server.url}/v1/memory/ingest",
        json={"path": path},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    return answer.status_code, answer.json()


def test_a_relative_path_is_refused_for_it_would_depend_on_where_the_server_was_started(
    server: Server, key: str
) -> None:
    status, problem = asked(server, key, "README.md")
    assert (status, problem["code"]) == (422, "input.path_relative")
    assert "'README.md'" in problem["detail"]


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd", "/nowhere/at/all"])
def test_a_path_outside_the_folders_that_the_settings_name_is_forbidden_whether_it_exists_or_not(
    server: Server, key: str, path: str
) -> None:
    status, problem = asked(server, key, path)
    assert (status, problem["code"]) == (403, "auth.path")
    assert "memory.ingest_roots" in problem["detail"]


def test_a_link_that_leads_out_of_them_is_forbidden_too(server: Server, key: str, shelf: Path) -> None:
    (shelf / "way-out").symlink_to("/etc")
    assert asked(server, key, str(shelf / "way-out"))[0] == 403
    assert asked(server, key, f"{shelf}/../../../../../../../etc")[0] == 403


def test_a_folder_that_the_settings_name_is_ingested(server: Server, key: str, shelf: Path) -> None:
    status, body = asked(server, key, str(shelf / "boats.md"))
    assert status == 200
    assert [(item["source"], item["outcome"]) for item in body["items"]] == [("boats.md", "added")]


def test_the_installations_own_data_is_never_ingested_not_even_for_its_owner(
    server: Server, key: str, home: Path
) -> None:
    for path in (home / ".flowmatik", home / ".flowmatik" / "journal.db", home / "flowmatik.toml"):
        status, body = asked(server, key, str(path))
        assert (status, [item["code"] for item in body["items"]]) == (200, ["document.private"])
        own = flowmatik("--home", str(home), "memory", "ingest", str(path))
        assert own.returncode == 1
        assert "belongs to the installation" in own.stderr


def test_this_users_commands_are_bound_to_no_folder(server: Server, home: Path, tmp_path: Path) -> None:
    del server  # it is what they go through
    (tmp_path / "lighthouse.md").write_text("The lighthouse is white.", encoding="utf-8")
    done = flowmatik("--home", str(home), "memory", "ingest", str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_rejected_upload_leaves_no_file_and_is_told_once(server: Server, home: Path) -> None:
    bad = server.post("/v1/memory/documents", files=[("files", ("bad.md", b"\x00\x01" * 100))])
    assert [item["outcome"] for item in bad.json()["items"]] == ["skipped"]
    good = server.post("/v1/memory/documents", files=[("files", ("good.md", b"All is well."))])
    assert [item["source"] for item in good.json()["items"]] == ["good.md"]
    kept = [path.name for path in (home / ".flowmatik" / "uploads").rglob("*") if path.is_file()]
    assert kept == ["good.md"]


@pytest.mark.parametrize("through_the_server", [True, False], ids=["through the server", "alone"])
def test_a_document_is_listed_and_removed_by_name_or_by_its_path(
    request: pytest.FixtureRequest, tmp_path: Path, through_the_server: bool
) -> None:
    if through_the_server:
        request.getfixturevalue("server")
        home = request.getfixturevalue("home")
    else:
        home = make_home(tmp_path / "home", "--no-examples")

    def memory(*arguments: str) -> tuple[int, str]:
        done = flowmatik("--home", str(home), "--lang", "en", "memory", *arguments)
        return done.returncode, done.stdout + done.stderr

    folder = tmp_path / "a ñ#?%"  # what an address would have to write out
    folder.mkdir()
    for name in ("quay & pier.md", "buoy.md"):
        (folder / name).write_text(f"{name}: the tide comes at noon.", encoding="utf-8")
    assert memory("ingest", str(folder))[0] == 0
    listed = memory("list")
    assert "quay & pier.md" in listed[1]
    assert "doc_" in listed[1]
    code, said = memory("remove", "quay & pier.md")
    assert (code, "Erased from memory: quay & pier.md" in said) == (0, True), said
    assert memory("remove", str(folder))[0] == 0
    assert "buoy.md" not in memory("list")[1]
    code, said = memory("remove", "buoy.md")
    assert (code, "[not_found.document]" in said) == (3, True), said
    assert (folder / "buoy.md").exists()


def test_a_document_is_removed_by_http_only_with_the_right_to_write(server: Server, key: str) -> None:
    server.post("/v1/memory/documents", files=[("files", ("b/tide.md", b"The tide comes at noon."))])
    items = server.get("/v1/memory/documents").json()["items"]
    (tide,) = (item for item in items if item["source"] == "b/tide.md")
    made = server.post("/v1/auth/keys", json={"name": "reader", "scopes": ["memory:read"]}).json()
    address = f"{server.url}/v1/memory/documents/{tide['id']}"
    denied = httpx.delete(address, headers={"Authorization": f"Bearer {made['secret']}"}, timeout=60)
    assert denied.status_code == 403
    gone = httpx.delete(address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    assert (gone.status_code, gone.json()["items"]) == (200, ["b/tide.md"])
    again = httpx.delete(address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    assert (again.status_code, again.json()["code"]) == (404, "not_found.document")
