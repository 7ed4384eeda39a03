"""A model list is taken when its file has changed, and told of when it cannot be used."""

import logging
import os
from functools import partial
from pathlib import Path

import pytest

from flowmatik.app.model_list.watching import ModelListWatch, names_and_tags
from flowmatik.app.models import model_routes, open_gateway
from flowmatik.app.settings import load_settings
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.testing.clock import SkippingClock

ONE = "model_list:\n  - {model_name: a, model: local/extractive, tags: [near]}\n"
TWO = ONE + "  - {model_name: b, model: local/extractive}\n"
FAULTY = "model_list:\n  - {model_name: a, model: nowhere/x}\n"


class World:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "models.yaml"
        settings = load_settings(folder, {})
        clock = SkippingClock()
        self.gateway: Gateway = open_gateway(settings, clock)
        self.watch = ModelListWatch(
            settings.models_path, partial(model_routes, settings), self.gateway, clock
        )
        self._written = 0

    def write(self, text: str) -> None:
        """In the place of what was there, as editors do it; times of files are coarse."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        self._written += 1
        os.utime(new, ns=(self._written, self._written))
        new.replace(self.file)

    async def looked(self, times: int = 2) -> set[str]:
        for _ in range(times):
            await self.watch.look()
        return {one.name for one in self.gateway.deployments()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "models.yaml").write_text(ONE)
    return World(tmp_path)


async def test_a_changed_file_is_taken_once_it_is_no_longer_written(world: World) -> None:
    assert await world.looked() == {"a"}
    world.write(TWO)
    assert await world.looked(1) == {"a"}
    assert await world.looked(1) == {"a", "b"}
    state = world.gateway.list_state()
    assert (state.file, state.faults) == ("models.yaml", ())


async def test_a_faulty_file_keeps_the_list_before_and_says_why_until_it_is_mended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.looked()
    before = world.gateway.list_state()
    world.write(FAULTY)
    with caplog.at_level(logging.WARNING):
        assert await world.looked(5) == {"a"}
    assert len(caplog.records) == 1
    state = world.gateway.list_state()
    [fault] = state.faults
    assert (fault.place, fault.code) == ("models.yaml:2:21", "models.unconfigured")
    assert state.loaded_at == before.loaded_at
    assert state.faulty_since
    world.write(TWO)
    assert await world.looked() == {"a", "b"}
    assert world.gateway.list_state().faults == ()


async def test_a_file_that_is_gone_changes_nothing_and_is_told(world: World) -> None:
    await world.looked()
    world.file.unlink()
    assert await world.looked() == {"a"}
    assert [one.code for one in world.gateway.list_state().faults] == ["config.models_missing"]


async def test_a_list_that_nobody_had_at_the_start_is_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    names, tags = names_and_tags(world.gateway)
    assert await world.looked() == set()
    assert (world.gateway.list_state().file, list(names), list(tags)) == ("", [], [])
    world.write(ONE)
    assert await world.looked() == {"a"}
    assert world.gateway.list_state().file == "models.yaml"
    assert ("a" in names, "near" in tags, len(names)) == (True, True, 1)


async def test_a_change_between_the_first_reading_and_the_first_look_is_not_missed(world: World) -> None:
    world.file.write_text(TWO)
    world.watch = ModelListWatch(
        world.file,
        partial(model_routes, load_settings(world.file.parent, {})),
        world.gateway,
        SkippingClock(),
    )
    assert await world.looked() == {"a", "b"}


async def test_keys_in_files_are_read_again_when_the_list_is_touched(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-old")
    (tmp_path / "key").chmod(0o600)
    listed = (
        "model_list:\n  - {model_name: a, model: openai/x, base_url: 'http://x/v1', api_key: 'file:key'}\n"
    )
    (tmp_path / "models.yaml").write_text(listed)
    world = World(tmp_path)
    await world.looked()
    (tmp_path / "key").write_text("sk-new")
    world.write(listed)
    await world.looked()
    routes = world.gateway.routes
    assert routes is not None
    settings = routes.deployments[0].settings
    assert settings is not None
    assert settings.api_key == "sk-new"
