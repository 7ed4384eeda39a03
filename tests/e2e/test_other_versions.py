"""A home with an unfinished run of another version of the program."""

import asyncio
from pathlib import Path

from flowmatik.core import events as ev
from flowmatik.core.journal.port import Creation
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.sqlite import SqliteStore
from tests.e2e.cli import flowmatik, make_home

AT = "2026-01-01T00:00:00+00:00"


async def leave_a_run_of(version: int, path: Path) -> None:
    created = ev.RunCreated(
        run_id="run_1",
        workspace_id="default",
        goal="x",
        created_at=AT,
        model="local/extractive",
        decision_version=version,
    )
    store = SqliteStore(path)
    creation = Creation(
        run_id="run_1",
        workspace_id="default",
        goal="x",
        idempotency_key="",
        events=(ev.encode(created),),
        decision_version=version,
    )
    await SqliteJournal(store, SystemClock()).create(creation)
    await store.close()


def test_up_names_the_run_and_refuses_to_start_until_it_is_cancelled_and_run_goes_on(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", "--no-examples")
    version = ev.DECISION_VERSION + 1
    asyncio.run(leave_a_run_of(version, next(home.rglob("journal.db"))))
    refused = flowmatik("--home", str(home), "up", "--port", "0")
    assert refused.returncode == 2, refused.stderr
    assert f"run_1 ({version})" in refused.stderr
    assert "runs cancel" in refused.stderr
    own = flowmatik("--home", str(home), "run", "What is 2 + 2?", "--no-follow")
    assert own.returncode == 0, own.stderr
    resumed = flowmatik("--home", str(home), "runs", "resume", "run_1")
    assert resumed.returncode == 1
    assert f"decision version {version}" in resumed.stderr
    cancelled = flowmatik("--home", str(home), "runs", "cancel", "run_1")
    assert cancelled.returncode == 0, cancelled.stderr
    shown = flowmatik("--home", str(home), "--json", "runs", "show", "run_1")
    assert '"cancelled"' in shown.stdout
