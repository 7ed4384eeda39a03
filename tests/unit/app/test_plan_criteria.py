"""Plans in files say by which criteria the results of their tasks are verified."""

from pathlib import Path

import pytest

from flowmatik.app.plan_files import read_plan
from flowmatik.contracts.criteria import Arithmetic, Claim, ToolEvidence
from flowmatik.kernel.errors import PlanInvalid

PLAN = """\
- id: a
  objective: write
  agent: clerk
  criteria:
    - citations
    - {check: arithmetic}
    - {check: tool_evidence, claims: [{action: sent, tools: [send]}]}
- {id: b, objective: read, agent: clerk}
"""


def test_names_and_objects_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(PLAN, encoding="utf-8")
    a, b = read_plan(str(file)).plan
    assert (a.criteria, b.criteria) == (("citations",), ("schema", "citations"))
    assert a.checks == (
        Arithmetic(check="arithmetic"),
        ToolEvidence(check="tool_evidence", claims=(Claim(action="sent", tools=("send",)),)),
    )
    assert b.checks == ()


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("- citations", "- quotes", ":5:7: 0.criteria.0: "),
        ("{check: arithmetic}", "{check: sums}", ":6:7: 0.criteria.1: "),
        ("{check: arithmetic}", "{check: arithmetic, optinal: true}", ":6:27: 0.criteria.1.optinal: "),
        ("tools: [send]", "tool: [send]", ":7:"),
    ],
)
def test_what_is_no_criterion_is_told_with_its_line(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(PLAN.replace(written, instead), encoding="utf-8")
    with pytest.raises(PlanInvalid) as error:
        read_plan(str(file))
    assert said in error.value.message
