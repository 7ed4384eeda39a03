"""What is written by its type comes back as it was."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NewType

import pytest

from flowmatik.core.snapshots.shapes import Unfit, text_of, value_of

Name = NewType("Name", str)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    name: Name
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thorn:
    length: int


@dataclass(slots=True, kw_only=True)
class Tree:
    leaves: dict[str, Leaf] = field(default_factory=lambda: {})
    first: Leaf | None = None
    part: Leaf | Thorn | None = None
    names: set[str] = field(default_factory=lambda: set[str]())
    frozen: frozenset[int] = frozenset()
    price: Decimal = Decimal(0)
    planted: datetime | None = None
    colour: Colour = Colour.RED
    kind: Literal["oak", "ash"] = "oak"
    size: tuple[int, float] = (0, 0.0)
    notes: tuple[str, ...] = ()
    count: int | str = 0
    anything: object = None
    values: dict[str, Any] = field(default_factory=lambda: {})


def again(tree: Tree) -> Tree:
    text = text_of(tree, Tree)
    back = value_of(text, Tree)
    assert isinstance(back, Tree)
    assert text_of(back, Tree) == text
    return back


def test_every_kind_of_value_comes_back_as_it_was() -> None:
    tree = Tree(
        leaves={"z": Leaf(name=Name("z")), "a": Leaf(name=Name("a"), weight=0.1)},
        part=Thorn(length=3),
        names={"b", "a", "ñ"},
        frozen=frozenset({3, 1}),
        price=Decimal("1.10"),
        planted=datetime(2026, 1, 1, tzinfo=UTC),
        kind="ash",
        size=(1, 2.5),
        notes=("n",),
        count="many",
        anything=[1, {"k": None}, 2.0],
        values={"deep": {"list": [True, False]}},
    )
    back = again(tree)
    assert back == tree
    assert list(back.leaves) == ["z", "a"], "canonical JSON sorts keys, and the order of a plan counts"
    assert type(back.price) is Decimal
    assert str(back.price) == "1.10"
    assert type(back.colour) is Colour


def test_an_object_met_twice_is_one_object_again_and_equal_ones_stay_two() -> None:
    leaf = Leaf(name=Name("one"))
    tree = Tree(leaves={"a": leaf, "b": Leaf(name=Name("one"))}, first=leaf, part=leaf)
    back = again(tree)
    assert back.first is back.leaves["a"] is back.part
    assert back.leaves["b"] is not back.leaves["a"]


def test_a_value_that_only_looks_like_its_default_is_written() -> None:
    back = again(Tree(anything=0, size=(0, 0)))
    assert back.size == (0, 0)
    assert type(back.size[1]) is int
    whole = again(Tree(first=Leaf(name=Name("l"), weight=0)))
    assert whole.first is not None
    assert type(whole.first.weight) is int


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '{"first":[]}',
        '{"first":{"="  : 7}}',
        '{"first":{"=":0}}',
        '{"first":{"name":"n","colour":"red"}}',
        '{"first":{}}',
        '{"part":["Root",{}]}',
        '{"part":["Thorn",{"length":"3"}]}',
        '{"leaves":{"a":{}}}',
        '{"leaves":[["a"]]}',
        '{"kind":"elm"}',
        '{"colour":"blue"}',
        '{"price":"cheap"}',
        '{"planted":"soon"}',
        '{"size":[1]}',
        '{"notes":[1]}',
        '{"unknown":1}',
    ],
)
def test_text_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(Unfit):
        value_of(text, Tree)


def test_a_type_without_a_shape_is_refused_by_name() -> None:
    for hint in (complex, Leaf | int, list[bytes], type[int]):
        with pytest.raises(Unfit):
            text_of(None, hint)
