"""Typed values as JSON and back, exactly: what a type hint says decides how a value is written, and what is
read must fit it. Sets, enums, decimals and the order of dictionaries survive, and so does identity: a
dataclass object that is met again is written as a reference to the first time.
"""

import dataclasses
import types
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from flowmatik.kernel import canonical

AGAIN = "="  # the key of a reference; no field can be called that
_PLAIN: dict[Any, tuple[type, ...]] = {str: (str,), int: (int,), bool: (bool,), float: (float, int)}


class Unfit(Exception):
    """A value is not what its type says, or a type has no shape."""


class Written:
    """Numbers the dataclass objects of one text, in the order in which they are met."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def number(self, value: object) -> int | None:
        """That of an object met before; else it gets the next one. The objects must stay alive meanwhile,
        which the value that is being written sees to."""
        known = self._numbers.get(id(value))
        if known is None:
            self._numbers[id(value)] = len(self._numbers)
        return known


Read = list[Any]  # the dataclass objects of one text by number; None while one is being built


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    write: Callable[[Any, Written], Any]
    read: Callable[[Any, Read], Any]


def text_of(value: Any, hint: Any) -> str:
    """`value` of the type `hint` as canonical JSON. Raises Unfit, or TypeError for what JSON cannot carry."""
    return canonical.dumps(shape_of(hint).write(value, Written()))


def value_of(text: str, hint: Any) -> Any:
    """What `text_of` was given. Raises Unfit, ValueError for what is no JSON."""
    return shape_of(hint).read(canonical.loads(text), [])


@cache
def shape_of(hint: Any) -> Shape:
    """Raises Unfit for a type that cannot be written; fields of dataclasses are looked at on first use."""
    while hasattr(hint, "__supertype__"):  # NewType
        hint = hint.__supertype__
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return shape_of(arguments[0])
    if hint in (Any, object):
        return Shape(_same, _same)
    if hint in (None, type(None)):
        return _checked(hint, lambda value: value is None)
    if hint in _PLAIN:
        return _plain(hint)
    if origin is Literal:
        return _checked(hint, lambda value: value in arguments)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is not None:
        return _container(hint, origin, arguments)
    if isinstance(hint, type):
        return _class(hint)
    raise Unfit(f"{hint!r} cannot be written")


def _class(kind: type) -> Shape:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if issubclass(kind, Enum):
        return Shape(lambda value, _: value.value, lambda value, _: _made(kind, value))
    if kind is Decimal:
        return Shape(lambda value, _: str(value), lambda value, _: _made(Decimal, value))
    if kind is datetime:
        return Shape(
            lambda value, _: value.isoformat(), lambda value, _: _made(datetime.fromisoformat, value)
        )
    raise Unfit(f"{kind!r} cannot be written")


def _same(value: Any, _: object) -> Any:
    return value


def _checked(hint: Any, fits: Callable[[Any], bool]) -> Shape:
    def checked(value: Any, _: object) -> Any:
        if not fits(value):
            raise Unfit(f"{value!r} is no {hint}")
        return value

    return Shape(checked, checked)


def _plain(kind: type) -> Shape:
    kinds = _PLAIN[kind]
    return _checked(kind, lambda value: type(value) in kinds)


def _made(make: Callable[[Any], Any], value: Any) -> Any:
    try:
        return make(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise Unfit(f"{value!r}: {error}") from error


def _union(arguments: tuple[Any, ...]) -> Shape:
    """Dataclasses are told apart by their names, if there are several."""
    kinds = [kind for kind in arguments if kind is not type(None)]
    optional = len(kinds) < len(arguments)
    if len(kinds) == 1:
        inner = shape_of(kinds[0])
    elif all(isinstance(kind, type) and dataclasses.is_dataclass(kind) for kind in kinds):
        inner = _one_of({kind.__name__: kind for kind in kinds})
    elif all(kind in _PLAIN or get_origin(kind) is Literal for kind in kinds):
        inner = _checked(kinds, lambda value: any(_is_one(kind, value) for kind in kinds))
    elif len(rows := [kind for kind in kinds if get_origin(kind) in (list, tuple)]) == 1:
        inner = _one_or_several(Union[*(kind for kind in kinds if kind is not rows[0])], rows[0])
    else:
        raise Unfit(f"{kinds!r} cannot be told apart")
    if not optional:
        return inner
    return Shape(
        lambda value, seen: None if value is None else inner.write(value, seen),
        lambda value, met: None if value is None else inner.read(value, met),
    )


def _one_or_several(one: Any, several: Any) -> Shape:
    """What is no row itself, or a row."""
    single, row = shape_of(one), shape_of(several)
    return Shape(
        lambda value, seen: (row if isinstance(value, list | tuple) else single).write(value, seen),
        lambda value, met: (row if isinstance(value, list) else single).read(value, met),
    )


def _is_one(kind: Any, value: Any) -> bool:
    return value in get_args(kind) if get_origin(kind) is Literal else type(value) in _PLAIN[kind]


def _one_of(kinds: dict[str, type]) -> Shape:
    def write(value: Any, seen: Written) -> Any:
        name = type(value).__name__
        if kinds.get(name) is not type(value):
            raise Unfit(f"{value!r} is none of {', '.join(kinds)}")
        return [name, shape_of(kinds[name]).write(value, seen)]

    def read(value: Any, met: Read) -> Any:
        name, inner = _listed(value, 2)
        if name not in kinds:
            raise Unfit(f"{name!r} is none of {', '.join(kinds)}")
        return shape_of(kinds[name]).read(inner, met)

    return Shape(write, read)


def _listed(value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list):
        raise Unfit(f"{value!r} is no list")
    rows = cast("list[Any]", value)
    if length is not None and len(rows) != length:
        raise Unfit(f"{len(rows)} values instead of {length}")
    return rows


def _container(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Shape:
    if origin is dict:
        return _dictionary(*map(shape_of, arguments))
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return _row([shape_of(kind) for kind in arguments])
    if origin in (list, tuple, set, frozenset):
        inner, ordered, make = shape_of(arguments[0]), origin in (list, tuple), cast("Any", origin)

        def write(value: Any, seen: Written) -> Any:
            rows = [inner.write(one, seen) for one in value]
            return rows if ordered else sorted(rows)

        def read(value: Any, met: Read) -> Any:
            return make([inner.read(one, met) for one in _listed(value)])

        return Shape(write, read)
    raise Unfit(f"{hint!r} cannot be written")


def _dictionary(key: Shape, inner: Shape) -> Shape:
    """A list of pairs, for canonical JSON sorts the keys of an object."""

    def read(value: Any, met: Read) -> Any:
        pairs = [_listed(pair, 2) for pair in _listed(value)]
        return {key.read(name, met): inner.read(one, met) for name, one in pairs}

    return Shape(
        lambda value, seen: [[key.write(name, seen), inner.write(one, seen)] for name, one in value.items()],
        read,
    )


def _row(shapes: list[Shape]) -> Shape:
    """A tuple of so many values."""

    def write(value: Any, seen: Written) -> Any:
        return [shape.write(one, seen) for shape, one in zip(shapes, value, strict=True)]

    def read(value: Any, met: Read) -> Any:
        rows = _listed(value, len(shapes))
        return tuple(shape.read(one, met) for shape, one in zip(shapes, rows, strict=True))

    return Shape(write, read)


def _dataclass(kind: type) -> Shape:
    """An object of the fields that differ from their defaults."""

    @cache
    def fields() -> dict[str, tuple[Shape, Any]]:
        hints = get_type_hints(kind, include_extras=True)
        return {
            field.name: (shape_of(hints[field.name]), field.default)
            for field in dataclasses.fields(cast("Any", kind))
        }

    def write(value: Any, seen: Written) -> Any:
        if type(value) is not kind:
            raise Unfit(f"{value!r} is no {kind.__name__}")
        if (number := seen.number(value)) is not None:
            return {AGAIN: number}
        row: dict[str, Any] = {}
        for name, (shape, default) in fields().items():
            held = getattr(value, name)
            if not _is_default(held, default):
                row[name] = shape.write(held, seen)
        return row

    def read(value: Any, met: Read) -> Any:
        if not isinstance(value, dict):
            raise Unfit(f"{value!r} is no {kind.__name__}")
        row = cast("dict[str, Any]", value)
        if AGAIN in row:
            return _met(met, row[AGAIN], kind)
        number, known = len(met), fields()
        met.append(None)
        if row.keys() - known.keys():
            raise Unfit(f"{kind.__name__} has no {sorted(row.keys() - known.keys())}")
        values = {name: shape.read(row[name], met) for name, (shape, _) in known.items() if name in row}
        met[number] = _made(lambda kept: kind(**kept), values)
        return met[number]

    return Shape(write, read)


def _is_default(held: Any, default: Any) -> bool:
    """Exactly: 0 and False are equal, and (0, 0) is equal to (0, 0.0)."""
    return type(held) is type(default) and held == default and (not held or not isinstance(held, tuple))


def _met(met: Read, number: Any, kind: type) -> Any:
    if type(number) is not int or not 0 <= number < len(met) or type(met[number]) is not kind:
        raise Unfit(f"{number!r} refers to no {kind.__name__}")
    return met[number]
