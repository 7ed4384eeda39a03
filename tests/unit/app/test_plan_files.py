"""A plan in a file becomes the tasks that it describes, and whatever is wrong is told with its line."""

import io
import json
from pathlib import Path

import pytest

from flowmatik.app.plan_files import read_plan
from flowmatik.contracts.approvals import ApprovalPolicy, Escalation
from flowmatik.contracts.plans import (
    MAX_PLAN_BYTES,
    Compensation,
    MapSpec,
    PlanTask,
    SubRunSpec,
    WaitSpec,
)
from flowmatik.contracts.tools import Effect
from flowmatik.core.brain import plan as plans
from flowmatik.core.brain.plan_faults import refusal
from flowmatik.kernel.errors import InvalidInput, PlanInvalid

WHOLE = """\
goal: Write to everybody
plan:
  - id: go
    wait: {kind: time, until: 2026-01-31T08:00:00Z}
  - id: each
    needs: [go]
    budget_micros: 5
    map:
      items: [a, b]
      concurrency: 2
      on_failure: 3
      run:
        goal: "{item}"
        plan:
          - id: send
            tool: send
            effect: once
            arguments: {to: {$item: ""}}
            approval:
              approvers: [ana]
              escalations: [{after_seconds: 60, approvers: [eva]}]
            compensation: {tool: unsend, when: [cancel]}
"""
TASKS = (
    PlanTask(id="go", objective="", wait=WaitSpec(kind="time", until="2026-01-31T08:00:00Z")),
    PlanTask(
        id="each",
        objective="",
        needs=("go",),
        budget_micros=5,
        map=MapSpec(
            items=["a", "b"],
            concurrency=2,
            on_failure=3,
            run=SubRunSpec(
                goal="{item}",
                plan=(
                    PlanTask(
                        id="send",
                        objective="",
                        tool="send",
                        effect=Effect.ONCE,
                        arguments={"to": {"$item": ""}},
                        approval=ApprovalPolicy(
                            approvers=("ana",),
                            escalations=(Escalation(after_seconds=60, approvers=("eva",)),),
                        ),
                        compensation=Compensation(tool="unsend", when=("cancel",)),
                    ),
                ),
            ),
        ),
    ),
)


def written(folder: Path, text: str, name: str = "plan.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_yaml_json_and_the_standard_input_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_plan(written(tmp_path, WHOLE))
    assert (read.plan, read.goal) == (TASKS, "Write to everybody")
    data = [
        {"id": "go", "wait": {"kind": "time", "until": "2026-01-31T08:00:00Z"}},
        {"id": "u", "tool": "look", "needs": ["go"]},
    ]
    text = json.dumps(data, indent="\t")
    read = read_plan(written(tmp_path, text, "plan.json"))
    assert read.plan == (TASKS[0], PlanTask(id="u", objective="", tool="look", needs=("go",)))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_plan("-").plan == read.plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- id: a\n  tol: x\n", ":2:3: 0.tol"),
        ("plan:\n  - id: a\n    wait: {kind: moon}\n", ":3:12: plan.0.wait.kind"),
        ("plan:\n  - id: a\n    needs: b\n", ":3:5: plan.0.needs"),
        ("plan:\n  - tool: x\n", ":2:5: plan.0.id"),
        ("goal: g\n", ":1:1: plan"),
        ("a: [\n", ":2:1"),
        ("- id: a\n  id: b\n", ":2:3"),
        ("- &x {id: a}\n- *x\n", ":2:3"),
        ('[\n {"id": "a",}\n]', ":2:13"),
        ('[{\n\t"id": "a",\n\t"tol": 1}]', ":3:2: 0.tol"),
        ("just words", ":1:1"),
        ("", ":1:1"),
        ("- id: !!python/object:os.system x\n", ":1:7"),
        ("[" * 100_000, ":1:"),
        ("- id: a\n  budget_micros: -1\n", ":2:3: 0.budget_micros"),
    ],
)
def test_what_is_no_plan_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PlanInvalid) as caught:
        read_plan(path)
    assert f"{path}{said}" in caught.value.message
    assert caught.value.context["details"]


def test_what_the_engine_refuses_is_told_with_the_lines_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "plan:\n  - id: a\n    tool: none\n  - id: b.c\n    run:\n      goal: g\n      plan:\n"
        "        - id: in\n          tool: look\n          needs: [x]\n",
    )
    read = read_plan(path)
    error = read.located(refusal(plans.faults(read.plan, (), frozenset({"look"}))))
    assert f"{path}:3:5: a.tool: task 'a'" in error.message
    assert f"{path}:10:11: b.c/in.needs: in task 'b.c'" in error.message
    other = InvalidInput("no", code="input.goal")
    assert read.located(other) is other


def test_what_cannot_be_read_at_all_says_so(tmp_path: Path) -> None:
    for given in (str(tmp_path), str(tmp_path / "none.yaml")):
        with pytest.raises(InvalidInput) as caught:
            read_plan(given)
        assert caught.value.code == "input.plan_file"
    large = written(tmp_path, "- id: a\n" + "#" * MAX_PLAN_BYTES)
    with pytest.raises(PlanInvalid, match="larger than"):
        read_plan(large)
    (tmp_path / "latin.yaml").write_bytes(b"- id: a\n- id: \xf1\n")
    with pytest.raises(PlanInvalid, match=r"latin\.yaml:2:1: not UTF-8"):
        read_plan(str(tmp_path / "latin.yaml"))
