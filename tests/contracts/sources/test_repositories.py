"""A Git repository made here: only changed paths, moves that cost nothing, history that was rewritten."""

import subprocess
from pathlib import Path

import pytest

from flowmatik.kernel.errors import InvalidInput
from tests.contracts.sources.conftest import Setting, W, counted
from tests.integration.memory.support import WordEmbedder

pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)

WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        run = subprocess.run(["git", *WHO, "-C", str(self.folder), *words], capture_output=True, check=True)
        return run.stdout.decode()

    def commit(self, **files: str | None) -> None:
        """`a__b` is `a/b.md`; None removes it."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/") + ".md")
            path.parent.mkdir(exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "change")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


async def test_only_changed_paths_are_read_and_a_move_costs_nothing(
    at: Setting, repository: Repository, embedder: WordEmbedder
) -> None:
    repository.commit(
        a="# A\n\nThe heron wades.", b="# B\n\nThe bittern booms.", sub__c="# C\n\nThe stork claps."
    )
    await at.added("git", path=str(repository.folder))
    assert counted(await at.synced()) == {"added": 3}
    assert await at.names() == {"docs/a.md", "docs/b.md", "docs/sub/c.md"}
    assert counted(await at.synced()) == {}  # the same commit: nothing is even listed

    embedded = len(embedder.calls)
    (repository.folder / "new").mkdir()
    repository.git("mv", "a.md", "new/a.md")
    repository.commit(b=None, sub__c="# C\n\nThe stork has left.")
    report = await at.synced()
    assert counted(report) == {"updated": 1, "moved": 1, "deleted": 1}
    assert len(embedder.calls) == embedded + 1
    assert await at.names() == {"docs/new/a.md", "docs/sub/c.md"}
    found = await at.memory.search(W, "stork left")
    assert found[0].source == "docs/sub/c.md"


async def test_a_rewritten_history_is_read_as_a_whole_and_loses_nothing(
    at: Setting, repository: Repository
) -> None:
    repository.commit(a="# A\n\nThe heron wades.")
    repository.commit(b="# B\n\nThe bittern booms.")
    await at.added("git", path=str(repository.folder))
    await at.synced()
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit(b=None)
    repository.git("branch", "-q", "-D", "main")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "-q", "--prune=now")
    assert counted(await at.synced()) == {"deleted": 1, "unchanged": 1}
    assert await at.names() == {"docs/a.md"}


async def test_one_folder_of_one_branch_without_what_is_hidden_or_a_link(
    at: Setting, repository: Repository
) -> None:
    repository.commit(a="# A\n\nNo.", sub__c="# C\n\nThe stork claps.")
    (repository.folder / "sub" / "link.md").symlink_to("/etc/passwd")
    (repository.folder / "sub" / ".hidden.md").write_text("# Hidden\n\nNo.")
    repository.commit()
    await at.added("git", path=str(repository.folder), folder="sub", branch="main")
    assert counted(await at.synced()) == {"added": 1}
    assert await at.names() == {"docs/sub/c.md"}


async def test_a_repository_that_is_gone_deletes_nothing(at: Setting, repository: Repository) -> None:
    repository.commit(a="# A\n\nThe heron wades.")
    await at.added("git", path=str(repository.folder))
    await at.synced()
    repository.folder.rename(repository.folder.with_name("away"))
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    assert await at.names() == {"docs/a.md"}


async def test_addresses_that_run_something_or_hold_a_secret_are_refused(at: Setting) -> None:
    for settings in (
        {"url": "ext::sh -c id"},
        {"url": "ssh://example.org/x"},
        {"url": "https://user:word@example.org/x"},
        {"path": "/x", "url": "https://example.org/x"},
        {"path": "/x", "branch": "--upload-pack=id"},
        {"url": "https://example.org/x", "token": "secret"},
        {"url": "https://example.org/x", "token": "env:HOME"},
    ):
        with pytest.raises(InvalidInput):
            await at.added("git", **settings)
    await at.added("git", url="https://127.0.0.1:1/x")
    report = await at.synced()
    assert (report.status, "private network" in report.reason) == ("failed", True)
