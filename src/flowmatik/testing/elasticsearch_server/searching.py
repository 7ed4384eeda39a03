"""Answers of `_search` and `_count`."""

from typing import Any, cast

from flowmatik.testing.elasticsearch_server.queries import Match, Search
from flowmatik.testing.elasticsearch_server.rows import Index, Refused, Row, values_of

_WINDOW = 10_000
_KNOWN = {"size", "_source", "timeout", "sort", "query", "aggs", "track_total_hits", "search_after"}


def answer(index: Index, body: Row) -> Row:
    """What `_search` answers with."""
    if unknown := set(body) - _KNOWN:
        raise Refused(400, "parsing_exception", f"unknown key for {sorted(unknown)}")
    size = int(body.get("size", 10))
    if size > _WINDOW:
        reason = f"Result window is too large, from + size must be less than or equal to: [{_WINDOW}]"
        raise Refused(400, "illegal_argument_exception", reason)
    found = matching(index, body["query"])
    rows = index.seen
    order = [next(iter(cast("Row", one).items())) for one in body.get("sort", [{"_score": "desc"}])]
    keys = sorted(found, key=lambda key: _places(order, key, rows[key], found[key]))
    if "search_after" in body:
        ((name, _),) = order
        after = cast("list[Any]", body["search_after"])[0]
        keys = [key for key in keys if values_of(rows[key], name)[0] > after]
    hits = [_hit(index, key, found[key], order) for key in keys[:size]]
    total: Row = {"value": len(found), "relation": "eq"}
    if body.get("track_total_hits") is not True and len(found) > _WINDOW:
        total = {"value": _WINDOW, "relation": "gte"}
    result: Row = {
        "took": 1,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": total, "max_score": None, "hits": hits},
    }
    if "aggs" in body:
        result["aggregations"] = {
            name: {"doc_count": len(set(found) & set(matching(index, one["filter"])))}
            for name, one in cast("dict[str, Row]", body["aggs"]).items()
        }
    return result


def matching(index: Index, query: Row) -> dict[str, Match]:
    search = Search(index)
    found = ((key, search.match(query, key, row)) for key, row in index.seen.items())
    return {key: one for key, one in found if one is not None}


def _places(order: list[tuple[str, Any]], key: str, row: Row, match: Match) -> tuple[Any, ...]:
    return tuple(
        (-match.score if direction == "desc" else match.score)
        if name == "_score"
        else values_of(row, name)[0]
        for name, direction in order
    )


def _hit(index: Index, key: str, match: Match, order: list[tuple[str, Any]]) -> Row:
    row = index.seen[key]
    scored = any(name == "_score" for name, _ in order)
    hit: Row = {"_index": index.name, "_id": key, "_score": match.score if scored else None}
    hit["sort"] = [match.score if name == "_score" else values_of(row, name)[0] for name, _ in order]
    if match.names:
        hit["matched_queries"] = list(match.names)
    return hit
