"""Questions in Weaviate's GraphQL. Every text in them is a key of hexadecimal digits, so that nothing has to
be escaped."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.vector_indexes import Vector
from flowmatik.memory.vector_indexes.terms import Asked, unit


def nearest(name: str, tenant: str, vector: Vector, limit: int, where: str) -> str:
    numbers = ", ".join(repr(float(one)) for one in unit(vector))
    asked = [f'tenant: "{tenant}", limit: {limit}, nearVector: {{vector: [{numbers}]}}']
    if where:
        asked.append(f"where: {where}")
    return f"{{ Get {{ {name}({', '.join(asked)}) {{ chunk _additional {{ distance }} }} }} }}"


def counted(name: str, tenant: str) -> str:
    return f'{{ Aggregate {{ {name}(tenant: "{tenant}") {{ meta {{ count }} }} }} }}'


def condition(question: Asked) -> str:
    """ "" when nothing is asked."""
    parts = [
        _among(name, values)
        for name, values in (("below", question.under), ("acl", question.acl), ("tags", question.tags))
        if values is not None
    ]
    if question.moments is not None:
        first, last = question.moments
        parts.append(f'{{path: ["moment"], operator: GreaterThanEqual, valueNumber: {first}}}')
        parts.append(f'{{path: ["moment"], operator: LessThanEqual, valueNumber: {last}}}')
    return f"{{operator: And, operands: [{', '.join(parts)}]}}" if parts else ""


def of_ids(ids: Sequence[str]) -> str:
    return _among("id", ids)


def matching(name: str, prop: str, values: Sequence[str]) -> dict[str, Any]:
    """A deletion's condition, in JSON."""
    where = {"path": [prop], "operator": "ContainsAny", "valueTextArray": list(values)}
    return {"match": {"class": name, "where": where}, "output": "minimal"}


def _among(name: str, values: Sequence[str]) -> str:
    texts = ", ".join(f'"{one}"' for one in values)
    return f'{{path: ["{name}"], operator: ContainsAny, valueText: [{texts}]}}'
