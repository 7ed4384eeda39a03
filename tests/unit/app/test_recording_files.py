"""Recordings that somebody else wrote, and folders that somebody else may write to."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app import recording_files
from flowmatik.app.recording_files import read_recording, write_recording
from flowmatik.contracts.recordings import FORMAT, RecordedEvent, RecordedRun, Recording
from flowmatik.kernel.errors import InvalidInput

EVENT = RecordedEvent(seq=1, type="x", at="", payload={"a": 1})
RECORDING = Recording(
    format=FORMAT, program="1", made_at="", runs=(RecordedRun(run_id="r", events=(EVENT,)),)
)


def written(file: Path, *, payload: Any = None, messages: Any = None) -> Path:
    write_recording(file, RECORDING)
    given = json.loads(file.read_text())
    run = given["runs"][0]
    run["events"][0]["payload"] = payload or {}
    run["requests"] = {"c": {"model": "m", "messages": messages or []}}
    file.write_text(json.dumps(given))
    return file


@pytest.mark.parametrize(
    "odd",
    [
        {"payload": {"n": 10**40}},
        {"messages": [{"role": "user", "n": -(10**40)}]},
        {"payload": {"n": [[[10**40]]]}},
    ],
)
def test_numbers_that_nobody_can_write_again_are_refused_and_no_fault_of_ours(
    tmp_path: Path, odd: dict[str, Any]
) -> None:
    file = written(tmp_path / "x.json", **odd)
    with pytest.raises(InvalidInput) as refused:
        read_recording(file)
    assert refused.value.code == "input.recording"


def test_what_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "x.json")
    assert read_recording(file).run_id == "r"
    monkeypatch.setattr(recording_files, "MOST_BYTES", 100)
    for endless in (file, Path("/dev/zero")):
        with pytest.raises(InvalidInput, match="larger than 100"):
            read_recording(endless)


def test_a_link_that_lies_in_wait_beside_the_file_is_not_written_through(tmp_path: Path) -> None:
    victim, file = tmp_path / "victim", tmp_path / "x.json"
    victim.write_text("mine")
    (tmp_path / f".{file.name}.{os.getpid()}").symlink_to(victim)
    write_recording(file, RECORDING)
    assert victim.read_text() == "mine"
    assert read_recording(file) == RECORDING
    assert file.stat().st_mode & 0o077 == 0
    assert not file.is_symlink()
