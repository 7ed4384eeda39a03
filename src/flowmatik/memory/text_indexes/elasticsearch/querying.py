"""Questions as Elasticsearch's query language has them."""

from typing import Any

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import Asked

Query = dict[str, Any]


def filters(workspace_id: str, where: Filter) -> list[Query]:
    found: list[Query] = [{"term": {"workspace": workspace_id}}]
    if where.sources:
        found.append({"terms": {"places": [one.rstrip("/") for one in where.sources]}})
    if where.principals is not None:
        everybody: Query = {"bool": {"must_not": [{"exists": {"field": "acl"}}]}}
        ours: Query = {"terms": {"acl": sorted(where.principals)}}
        found.append({"bool": {"should": [everybody, ours], "minimum_should_match": 1}})
    if where.tags:
        found.append({"terms": {"tags": list(where.tags)}})
    dated = {"gte": where.dated_from, "lte": where.until}
    if within := {key: value for key, value in dated.items() if value}:
        found.append({"range": {"dated": within}})
    return found


def word_query(asked: Asked, conditions: list[Query], limit: int, timeout: float) -> Query:
    """The best; which words each has, by their number; how many passages have each word."""
    words = [
        {"dis_max": {"queries": [{"term": {"terms": term}} for term in group], "_name": str(n)}}
        for n, group in enumerate(asked)
    ]
    counts = {str(n): {"filter": {"terms": {"terms": list(group)}}} for n, group in enumerate(asked)}
    return {
        "size": limit,
        "_source": False,
        "timeout": f"{int(timeout * 1000)}ms",
        "sort": [{"_score": "desc"}, {"chunk": "asc"}],
        "query": {"bool": {"filter": conditions, "should": words, "minimum_should_match": 1}},
        "aggs": counts,
    }


def count_query(conditions: list[Query], timeout: float) -> Query:
    return {
        "size": 0,
        "track_total_hits": True,
        "timeout": f"{int(timeout * 1000)}ms",
        "query": {"bool": {"filter": conditions}},
    }
