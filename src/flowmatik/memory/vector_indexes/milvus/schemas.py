"""The collections: passages of a workspace, and the place of each workspace in the outbox."""

import importlib
from typing import Any

MARKS = "flowmatik_places"
_KEY_LENGTH = 32
_NAME_LENGTH = 4096  # bytes of a passage's id, or of an embedder's
_MOST_LISTED = 1024


def chunk_fields(dimension: int) -> list[dict[str, Any]]:
    kind = importlib.import_module("pymilvus").DataType
    several = {"datatype": kind.ARRAY, "element_type": kind.VARCHAR, "max_capacity": _MOST_LISTED}
    return [
        {"field_name": "key", "datatype": kind.VARCHAR, "is_primary": True, "max_length": _KEY_LENGTH},
        {"field_name": "chunk", "datatype": kind.VARCHAR, "max_length": _NAME_LENGTH},
        {"field_name": "document", "datatype": kind.VARCHAR, "max_length": _KEY_LENGTH},
        {"field_name": "below", "max_length": _KEY_LENGTH, **several},
        {"field_name": "acl", "max_length": _KEY_LENGTH, **several},
        {"field_name": "tags", "max_length": _KEY_LENGTH, **several},
        {"field_name": "moment", "datatype": kind.INT64},
        {"field_name": "vector", "datatype": kind.FLOAT_VECTOR, "dim": dimension},
    ]


def mark_fields() -> list[dict[str, Any]]:
    """A collection must have a vector."""
    kind = importlib.import_module("pymilvus").DataType
    return [
        {"field_name": "key", "datatype": kind.VARCHAR, "is_primary": True, "max_length": _KEY_LENGTH},
        {"field_name": "embedder", "datatype": kind.VARCHAR, "max_length": _NAME_LENGTH},
        {"field_name": "dimension", "datatype": kind.INT64},
        {"field_name": "position", "datatype": kind.INT64},
        {"field_name": "vector", "datatype": kind.FLOAT_VECTOR, "dim": 2},
    ]


def create(client: Any, name: str, fields: list[dict[str, Any]]) -> None:
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    for field in fields:
        schema.add_field(**field)
    indexes = client.prepare_index_params()
    indexes.add_index(field_name="vector", index_type="FLAT", metric_type="IP")
    client.create_collection(name, schema=schema, index_params=indexes, consistency_level="Strong")
