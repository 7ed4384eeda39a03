"""Collections: one for the vectors of each length, one for what is held of whom.

The vector index is flat, which compares every vector of a tenant, by inner product: vectors have length 1,
and zeros, which have no cosine, are near to nothing. Moments have fourteen digits: whole numbers of GraphQL
have 32 bits, so that they are numbers of the other kind, which hold them exactly.
"""

from typing import Any

ID = "weaviate"
PLACES = "FlowmatikPlaces"


def vectors(dimension: int) -> str:
    return f"FlowmatikVectors{dimension}"


def places_class() -> dict[str, Any]:
    return {
        "class": PLACES,
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "properties": [
            _property("embedder", "text"),
            _property("dimension", "int"),
            _property("position", "int"),
        ],
    }


def vectors_class(dimension: int) -> dict[str, Any]:
    return {
        "class": vectors(dimension),
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "vectorIndexConfig": {"distance": "dot"},
        "multiTenancyConfig": {"enabled": True},
        "properties": [
            _property("chunk", "text"),
            _property("document", "text", filtered=True),
            _property("below", "text[]", filtered=True),
            _property("acl", "text[]", filtered=True),
            _property("tags", "text[]", filtered=True),
            _property("moment", "number", filtered=True),
        ],
    }


def _property(name: str, kind: str, *, filtered: bool = False) -> dict[str, Any]:
    """`field`: a text is compared whole, as it is."""
    found: dict[str, Any] = {"name": name, "dataType": [kind], "indexFilterable": filtered}
    if kind.startswith("text"):
        found |= {"tokenization": "field", "indexSearchable": False}
    return found
