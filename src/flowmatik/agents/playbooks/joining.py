"""Joins the tasks that a playbook became: what they need of each other, by the ids that they have in the
plan, without those that fell away."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.agents.playbooks.pieces import Group, Piece
from flowmatik.agents.profiles.faults import Fault
from flowmatik.contracts.plans import passes


def joined(groups: dict[str, Group], wrong: list[Fault]) -> list[Piece]:
    """In the order of the playbook. An id that nothing has is left, for the plan's validation to say."""
    _fall(groups)
    pieces = [piece for group in groups.values() if not group.gone for piece in group.pieces]
    for piece in pieces:
        _join(piece, groups, wrong)
    return pieces


def _fall(groups: dict[str, Group]) -> None:
    """What needs something that fell away falls away too, unless it was said to go on without it."""
    changed = any(group.gone for group in groups.values())
    while changed:
        changed = False
        for group in groups.values():
            if not group.gone and (fate := _fate(group, groups)):
                group.gone, changed = fate, True


def _fate(group: Group, groups: Mapping[str, Group]) -> str:
    for piece in group.pieces:
        for one in piece.later:
            source = groups.get(one["task"])
            if source is not None and source.gone and not passes(one["test"], one["value"], None):
                return piece.otherwise
        if any(need in groups and groups[need].gone == "skip" for need in piece.outer):
            return "skip"
    return ""


def _join(piece: Piece, groups: Mapping[str, Group], wrong: list[Fault]) -> None:
    for need in piece.outer:
        group = groups.get(need)
        if group is None:
            piece.needs.append(need)
        elif not group.gone:
            piece.needs += group.ends
    for one in piece.later:
        group = groups.get(one["task"])
        if group is not None and group.gone:
            continue  # it holds of nothing
        task = _one(piece, one["task"], groups, wrong)
        piece.when.append({**one, "task": task})
        piece.needs.append(task)
    if piece.items:
        task = _one(piece, piece.items, groups, wrong)
        rename_items(piece, {piece.items: task})
        piece.needs.append(task)
    piece.outer, piece.later, piece.items = [], [], ""


def rename_items(piece: Piece, named: Mapping[str, str]) -> None:
    """The task whose result a map goes through."""
    spec: Any = piece.raw.get("map")
    given: Any = cast("dict[str, Any]", spec).get("items") if isinstance(spec, dict) else None
    items = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    task = items.get("task")
    if isinstance(task, str):
        items = {**items, "task": named.get(task, task)}
        piece.raw = {**piece.raw, "map": {**spec, "items": items}}


def _one(piece: Piece, name: str, groups: Mapping[str, Group], wrong: list[Fault]) -> str:
    """The one task that `name` became, whose result can be looked into."""
    group = groups.get(name)
    if group is None:
        return name
    if group.gone or len(group.ends) != 1:
        text = f"{name!r} became {len(group.ends)} tasks of the plan; only one can be looked into"
        values: dict[str, object] = {"need": name, "count": len(group.ends)}
        wrong.append(piece.book.fault(piece.path, text, "playbook.one_task", **values))
        return name
    return group.ends[0]
