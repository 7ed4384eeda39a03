"""The harness: what it prints, what it leaves out, and when it writes the page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as program
from benchmarks import report
from benchmarks.harness import Benchmark, Case, Contestant, measure, run
from benchmarks.targets import nothing

MODULE = "tests.unit.benchmarks.contestants"


def benchmark(*peers: Contestant, broken: bool = False) -> Benchmark:
    ours = Contestant(name="flowmatik", module=MODULE, options={"speed": 10, "broken": broken})
    case = Case(
        name="only",
        unit="x/s",
        n=100,
        quick_n=2,
        contestants=(ours, *peers),
        prepare=nothing,
        parts={"cpu": "ms"},
    )
    return Benchmark(name="trial", title="Trial", about="What it is.", cases=(case,))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "benchmarks.md"
    monkeypatch.setattr(report, "PAGE", path)
    return path


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_case_and_part_is_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    peer = Contestant(name="peer", module=MODULE, options={"speed": 4})
    assert run(benchmark(peer), ["--quick", "--json"]) == 0
    assert lines(capsys) == [
        {"bench": "trial", "case": "only", "n": 2, "ours": 20.0, "unit": "x/s", "peers": {"peer": 8.0}},
        {"bench": "trial", "case": "only.cpu", "n": 2, "ours": 3.0, "unit": "ms", "peers": {}},
    ]


def test_what_is_measured_on_the_way_is_a_case_of_its_own_for_everybody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    peer = Contestant(name="peer", module=MODULE, options={"speed": 4})
    made = benchmark(peer)
    case = replace(made.cases[0], parts={}, also={"cpu": ("only_cpu", "ms")})
    assert run(replace(made, cases=(case,)), ["--quick", "--json"]) == 0
    assert lines(capsys) == [
        {"bench": "trial", "case": "only", "n": 2, "ours": 20.0, "unit": "x/s", "peers": {"peer": 8.0}},
        {"bench": "trial", "case": "only_cpu", "n": 2, "ours": 3.0, "unit": "ms", "peers": {"peer": 3.0}},
    ]


def test_so_many_rounds_as_a_benchmark_says_are_enough_for_the_page(page: Path) -> None:
    assert run(replace(benchmark(), rounds=2), ["--rounds", "1"]) == 0
    assert not page.exists()
    assert run(replace(benchmark(), rounds=2), []) == 0
    assert "2 rounds" in page.read_text()


def test_a_peer_that_is_not_installed_is_left_out_and_stderr_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    peer = Contestant(name="absent", module=MODULE, needs=("no-such-distribution",))
    assert run(benchmark(peer), ["--quick", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[0])["peers"] == {}
    assert "no-such-distribution (for absent)" in captured.err
    assert "just setup-bench" in captured.err


def test_a_peer_that_fails_is_reported_and_has_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    peer = Contestant(name="peer", module=MODULE, options={"broken": True})
    assert run(benchmark(peer), ["--quick", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[0])["peers"] == {}
    assert "the peer is broken" in captured.err


def test_the_benchmark_fails_when_ours_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(benchmark(broken=True), ["--quick", "--json"]) == 1
    assert capsys.readouterr().out == ""


def test_only_a_full_run_of_everything_writes_the_page(page: Path) -> None:
    absent = Contestant(name="absent", module=MODULE, needs=("no-such-distribution",))
    for bench, arguments in (
        (benchmark(), ["--quick"]),
        (benchmark(), ["--case", "only"]),
        (benchmark(), ["--rounds", "1"]),
        (benchmark(absent), []),
    ):
        assert run(bench, arguments) == 0
        assert not page.exists()
    assert run(benchmark(), []) == 0
    text = page.read_text(encoding="utf-8")
    assert "## Trial" in text
    assert "| flowmatik | 1,000 | 1,000 to 1,000 | |" in text


@pytest.mark.parametrize(
    ("higher", "ours", "told"),
    [
        (True, 4.0, "ours is | goal |"),
        (True, 4.0, "| 2× it | ≥ 2×: met |"),
        (True, 1.0, "| 0.5× it | ≥ 2×: missed by a factor of 4 |"),
        (False, 4.0, "ours costs | goal |"),
        (False, 4.0, "| 2× it | ≤ 2×: met |"),
        (False, 8.0, "| 4× it | ≤ 2×: missed by a factor of 2 |"),
    ],
)
def test_the_page_says_which_goals_are_met_and_by_how_much_one_is_missed(
    higher: bool, ours: float, told: str
) -> None:
    table = report.Table(
        case="c", unit="u", n=1, higher_is_better=higher,
        samples={"ours": [ours], "peer": [2.0]}, goals={"peer": 2.0},
    )  # fmt: skip
    assert told in report.section("about", [table], 1, [])


def test_a_section_replaces_only_itself(page: Path) -> None:
    report.write_section("one", "One", "first", page)
    report.write_section("two", "Two", r"second \1 \g<0>", page)
    report.write_section("one", "One", "again", page)
    text = page.read_text(encoding="utf-8")
    assert "first" not in text
    assert text.index("again") < text.index(r"second \1 \g<0>")
    assert text.count("<!-- benchmark one -->") == 1


def test_durable_steps_measures_our_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["durable_steps", "--quick", "--json", "--case", "memory"]) == 0
    first, second = lines(capsys)
    assert (first["case"], first["n"]) == ("memory", 500)
    assert first["ours"] > 0
    assert second["case"] == "memory.cpu"


@pytest.mark.parametrize(
    ("module", "job"),
    [
        ("benchmarks.agent_loop.ours", {"store": "memory", "n": 3}),
        ("benchmarks.agent_loop.ours", {"store": "sqlite_full", "n": 3}),
        ("benchmarks.durable_steps.ours", {"store": "sqlite_normal", "n": 20}),
        ("benchmarks.ingest.ours", {"corpus": "handbook", "numbers": "float32", "n": 1}),
        ("benchmarks.ingest.ours", {"corpus": "generated", "numbers": "int8", "n": 2}),
    ],
)
def test_every_contestant_of_ours_measures_something(
    tmp_path: Path, module: str, job: dict[str, object]
) -> None:
    ours = Contestant(name="flowmatik", module=module)
    assert measure(ours, {**job, "target": str(tmp_path)}, 60)["value"] > 0


def test_an_unknown_benchmark_is_a_usage_error_that_names_the_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program.main(["speed"]) == 2
    assert "durable_steps" in capsys.readouterr().err
