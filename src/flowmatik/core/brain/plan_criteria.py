"""What is wrong with the criteria of a plan's task."""

from collections.abc import Iterator

from flowmatik.contracts.criteria import MAX_CRITERIA, SchemaFits, criterion_fault
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.reading.schema import is_schema


def criteria_faults(task: PlanTask) -> Iterator[Fault]:
    if not task.checks:
        return
    me = f"task {task.id!r}"
    if task.tool or task.wait is not None or task.below is not None:
        text = f"{me} has criteria, but no agent whose result they could be for; leave them out"
        yield fault(text, "criteria_agent", task=task.id)
    if len(task.checks) > MAX_CRITERIA:
        text = f"{me} has {len(task.checks)} criteria; at most {MAX_CRITERIA} are allowed"
        yield fault(text, "criteria_many", task=task.id, count=len(task.checks), most=MAX_CRITERIA)
    for criterion in task.checks:
        if wrong := criterion_fault(criterion):
            text = f"a criterion ({criterion.check}) of {me} cannot be used: {wrong.text}"
            yield fault(text, "criterion", task=task.id, check=criterion.check, said=wrong.shown())
        elif isinstance(criterion, SchemaFits) and (said := is_schema(criterion.schema)):
            text = f"the schema of a criterion of {me} is not JSON Schema: {said}"
            yield fault(text, "criterion_schema", task=task.id, said=said)
