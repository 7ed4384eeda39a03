"""No type that a run's state can hold keeps it from being written."""

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from flowmatik.contracts.plans import MapSpec, SubRunSpec
from flowmatik.core.snapshots.shapes import Unfit, shape_of, text_of, value_of
from flowmatik.core.state import RunState


def fields_below(hint: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Every field of every dataclass that `hint` leads to, with its type."""
    for inner in get_args(hint):
        yield from fields_below(inner, seen)
    if not (isinstance(hint, type) and dataclasses.is_dataclass(hint)) or hint in seen:
        return
    seen.add(hint)
    hints = get_type_hints(hint, include_extras=True)
    for field in dataclasses.fields(hint):
        yield f"{hint.__name__}.{field.name}", hints[field.name]
        yield from fields_below(hints[field.name], seen)


def test_every_field_that_a_state_leads_to_has_a_shape() -> None:
    unfit: list[str] = []
    for name, hint in fields_below(RunState, set()):
        try:
            shape_of(hint)
        except Unfit as error:
            unfit.append(f"{name}: {error}")
    assert unfit == []


@pytest.mark.parametrize("on_failure", ["fail", "continue", 0, 3])
def test_a_map_is_read_as_it_was_written(on_failure: Any) -> None:
    spec = MapSpec(items=[1, "b"], run=SubRunSpec(goal="look"), on_failure=on_failure)
    assert value_of(text_of(spec, MapSpec), MapSpec) == spec


@pytest.mark.parametrize("on_failure", ["stop", None, True, 1.5])
def test_what_is_none_of_several_plain_kinds_is_refused(on_failure: Any) -> None:
    spec = MapSpec(items=[], run=SubRunSpec(goal="look"), on_failure=on_failure)
    with pytest.raises(Unfit):
        text_of(spec, MapSpec)
