"""An installation with Redis beside PostgreSQL: two processes, one bus."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from flowmatik.app.doctor_redis import check_redis
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.texts import LANGUAGES, Texts
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.events import EventBus
from tests.contracts.bus.worlds import Audit, until
from tests.own_redis import free_port, own_redis

PLAN = (PlanTask(id="s0", objective="", tool="memory_search", arguments={"query": "x"}),)


def home(folder: Path, **environment: str) -> Settings:
    (folder / ".flowmatik").mkdir(mode=0o700, parents=True)
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    return load_settings(folder, {f"FLOWMATIK_{name}": value for name, value in environment.items()})


async def test_a_subscriber_hears_of_runs_that_another_process_drives(
    tmp_path: Path, pg_migrated: str
) -> None:
    audit = Audit()

    def subscribe(bus: EventBus) -> None:
        bus.subscribe("audit", audit)

    users: list[Callable[[EventBus], None]] = [subscribe]
    async with own_redis(tmp_path) as redis:
        shared = {"DATABASE_URL": pg_migrated, "REDIS_URL": redis.url}
        one, two = home(tmp_path / "one", **shared), home(tmp_path / "two", **shared)
        async with (
            open_platform(one, recover_all=False) as driving,
            open_platform(two, recover_all=False, bus_users=users),
        ):
            run_id = await driving.runs.create("default", NewRun(goal="g", plan=PLAN))
            view = await driving.runs.wait("default", run_id)
            await until(lambda: audit.heard[run_id] == list(range(1, view.head_seq + 1)))
            [found] = await check_redis(one)
            assert (found.ok, found.mend, found.values["server"]) == (True, "", redis.url)


async def test_redis_without_postgresql_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        home(tmp_path, REDIS_URL="redis://:geheim@127.0.0.1/0")
    assert "PostgreSQL" in str(refused.value)
    assert "geheim" not in str(refused.value)
    for language in LANGUAGES:
        assert "PostgreSQL" in Texts(language).error(refused.value)
    with pytest.raises(ConfigurationError, match="redis://") as wrong:
        home(tmp_path / "other", REDIS_URL="http://:geheim@127.0.0.1/0", DATABASE_URL="postgresql://x/y")
    assert "geheim" not in str(wrong.value)


async def test_the_doctor_says_when_redis_is_away_and_when_it_drops_what_it_has(tmp_path: Path) -> None:
    database = {"DATABASE_URL": "postgresql://127.0.0.1/none"}
    assert await check_redis(home(tmp_path / "without", **database)) == []
    away = home(tmp_path / "away", REDIS_URL=f"redis://:geheim@127.0.0.1:{free_port()}/0", **database)
    [found] = await asyncio.wait_for(check_redis(away), 120)
    assert not found.ok
    assert "geheim" not in repr((found, away))
    async with own_redis(tmp_path, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "50mb") as redis:
        [found] = await check_redis(home(tmp_path / "full", REDIS_URL=redis.url, **database))
    assert (found.ok, found.mend, found.values["policy"]) == (True, "doctor.redis.policy", "allkeys-lru")
