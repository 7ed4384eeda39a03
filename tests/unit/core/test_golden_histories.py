"""Recorded histories of every decision version lead to the decisions that they hold, whatever is changed."""

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.core import events as ev
from flowmatik.core.fold import fold
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.replay import replay
from flowmatik.kernel import canonical
from scripts.golden_histories import FOLDER, record
from tests.histories.playing import AT
from tests.unit.house.repository import SOURCE

FILES = sorted(FOLDER.rglob("*.ndjson"))
MOST_BYTES = 700_000
GATE = re.compile(r"version >= ([A-Z_]+)\b")
NOT_REPLAYED = {"TASK_CAPS"}  # it decides what an intent says, which is a fact for whoever replays it


def history(path: Path) -> list[StoredEvent]:
    rows = [canonical.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        StoredEvent(seq=row["seq"], type=row["type"], payload=canonical.dumps(row["payload"]), at=AT)
        for row in rows
    ]


def named(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_recorded_history_leads_to_the_same_decisions(path: Path) -> None:
    events = history(path)
    report = replay("run_1", events, ReducerLoop())
    assert report.differences == ()
    assert report.decisions > 0
    created = fold(events, ReducerLoop()).created
    assert path.parent.name == f"v{created.decision_version}"


def test_every_type_of_event_and_every_version_is_in_some_history_and_they_are_small() -> None:
    types = {event.type for path in FILES for event in history(path)}
    missing = {type_.__name__ for type_ in (*ev.FACTS, *ev.DECISIONS)} - types
    assert not missing, f"tell a story with {sorted(missing)} in tests/histories/stories.py"
    versions = {path.parent.name for path in FILES}
    assert versions == {f"v{n}" for n in range(ev.OLDEST_DECISION_VERSION, ev.DECISION_VERSION + 1)}
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


def gates() -> dict[str, list[ModuleType]]:
    """The constants that decisions are compared with, each with the modules that know it by that name."""
    names: set[str] = set()
    for folder in ("core", "agents"):
        for file in (SOURCE / folder).rglob("*.py"):
            names |= set(GATE.findall(file.read_text(encoding="utf-8")))
    modules = [
        one for name, one in sys.modules.items() if name.startswith(("flowmatik.core", "flowmatik.agents"))
    ]
    return {name: [one for one in modules if name in vars(one)] for name in sorted(names)}


GATES = gates()


def test_the_gates_of_decisions_are_found() -> None:
    assert {"CODED", "SAYS_SO", "ENDS", "NAMED", "WHOLE", "STORES"} <= GATES.keys()
    assert all(GATES.values())


MOVED = [(gate, moved) for gate in sorted(GATES.keys() - NOT_REPLAYED) for moved in (0, 99)]


@pytest.mark.parametrize(("gate", "moved"), MOVED)
def test_a_gate_that_is_moved_is_missed_in_some_history(
    gate: str, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in GATES[gate]:
        monkeypatch.setattr(module, gate, moved)
    assert any(replay("run_1", history(path), ReducerLoop()).differences for path in FILES)


def test_the_cap_of_a_task_ends_the_run_before_its_version_and_the_task_from_then_on() -> None:
    of_task = {
        (path.parent.name, canonical.loads(event.payload)["of_task"])
        for path in FILES
        for event in history(path)
        if path.stem == "a_task_out_of_money" and event.type == "CallRefused"
    }
    assert of_task == {("v3", False), ("v4", True)}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "histories"))


def test_recording_again_changes_nothing(copied: Path) -> None:
    assert record(copied) == [], "run scripts/golden_histories.py"


def test_a_history_of_the_newest_version_is_recorded_again_and_one_that_is_missing(copied: Path) -> None:
    newest = copied / f"v{ev.DECISION_VERSION}" / "one_agent.ndjson"
    newest.write_text("{}\n")
    (copied / "v2" / "cancelled.ndjson").unlink()
    assert record(copied) == ["v2/cancelled.ndjson", f"v{ev.DECISION_VERSION}/one_agent.ndjson"]


def test_a_history_of_an_older_version_is_never_written_over(copied: Path) -> None:
    old, newest = copied / "v1" / "one_agent.ndjson", copied / f"v{ev.DECISION_VERSION}" / "one_agent.ndjson"
    for path in (old, newest):
        path.write_text("{}\n")
    with pytest.raises(ValueError, match=r"v1/one_agent\.ndjson"):
        record(copied)
    assert old.read_text() == newest.read_text() == "{}\n"
