"""The part of the query language that is used: does a row match, and with which score."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.testing.elasticsearch_server.rows import Index, Refused, Row, values_of

K1 = 1.2
B = 0.75


@dataclass(frozen=True, slots=True)
class Match:
    score: float
    names: tuple[str, ...] = ()


class Words:
    """What Lucene counts of one text field, over the rows that searches see."""

    def __init__(self, index: Index, name: str) -> None:
        self.often: dict[str, dict[str, int]] = {}
        self.norms: dict[str, float] = {}
        total = 0
        for key, row in index.seen.items():
            tokens = " ".join(values_of(row, name)).split()
            if not tokens:
                continue
            total += len(tokens)
            self.norms[key] = float(rounded(len(tokens)))
            for token in tokens:
                counts = self.often.setdefault(token, {})
                counts[key] = counts.get(key, 0) + 1
        self.average = total / len(self.norms) if self.norms else 1.0

    def score(self, key: str, token: str) -> float | None:
        """BM25Similarity as in Lucene 9: without the factor k1 + 1."""
        holders = self.often.get(token, {})
        if key not in holders:
            return None
        rarity = math.log(1 + (len(self.norms) - len(holders) + 0.5) / (len(holders) + 0.5))
        norm = K1 * (1 - B + B * self.norms[key] / self.average)
        return rarity * holders[key] / (holders[key] + norm)


def rounded(length: int) -> int:
    """As SmallFloat.byte4ToInt(intToByte4(length)) gives it back: exact up to 40, then four bits."""
    free = 24  # values below 255 - intToByte4(max int), which are kept as they are
    if length < free:
        return length
    value = length - free
    bits = value.bit_length()
    if bits < 4:
        return length
    shift = bits - 4
    return free + ((value >> shift) << shift)


class Search:
    """One search over one index."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._words: dict[str, Words] = {}
        self._kinds: Mapping[str, Callable[[str, Row, Row], Match | None]] = {
            "term": self._term,
            "terms": self._terms,
            "exists": self._exists,
            "range": self._range,
            "bool": self._bool,
            "dis_max": self._best,
        }

    def match(self, query: Row, key: str, row: Row) -> Match | None:
        """Raises Refused for a query that is not known here."""
        if len(query) != 1:
            raise Refused(400, "parsing_exception", f"[{'|'.join(query)}] malformed query")
        ((kind, body),) = query.items()
        if kind not in self._kinds:
            raise Refused(400, "parsing_exception", f"unknown query [{kind}]")
        return self._kinds[kind](key, row, cast("Row", body))

    def _field(self, name: str) -> str:
        return self.index.kind(name)

    def _term(self, key: str, row: Row, body: Row) -> Match | None:
        ((name, given),) = body.items()
        value: Any = cast("Row", given)["value"] if isinstance(given, dict) else given
        if self._field(name) == "text":
            words = self._words.setdefault(name, Words(self.index, name))
            score = words.score(key, str(value))
            return None if score is None else Match(score)
        return Match(1.0) if value in values_of(row, name) else None

    def _terms(self, key: str, row: Row, body: Row) -> Match | None:
        ((name, values),) = body.items()
        found = values_of(row, name)
        if self._field(name) == "text":
            found = " ".join(found).split()
        return Match(1.0) if set(found) & set(cast("list[Any]", values)) else None

    def _exists(self, key: str, row: Row, body: Row) -> Match | None:
        return Match(1.0) if values_of(row, str(body["field"])) else None

    def _range(self, key: str, row: Row, body: Row) -> Match | None:
        ((name, given),) = body.items()
        limits = cast("Row", given)
        if unknown := set(limits) - {"gte", "lte"}:
            raise Refused(400, "parsing_exception", f"[range] query does not support {sorted(unknown)}")
        low, high = limits.get("gte"), limits.get("lte")
        fits = any(
            (low is None or one >= low) and (high is None or one <= high) for one in values_of(row, name)
        )
        return Match(1.0) if fits else None

    def _bool(self, key: str, row: Row, body: Row) -> Match | None:
        if unknown := set(body) - {"filter", "should", "must_not", "minimum_should_match"}:
            raise Refused(400, "parsing_exception", f"[bool] query does not support {sorted(unknown)}")
        if any(self.match(one, key, row) is None for one in body.get("filter", ())):
            return None
        if any(self.match(one, key, row) is not None for one in body.get("must_not", ())):
            return None
        found = [self.match(one, key, row) for one in body.get("should", ())]
        hits = [one for one in found if one is not None]
        least = int(body.get("minimum_should_match", 0 if "filter" in body else 1 if found else 0))
        if len(hits) < least:
            return None
        return Match(sum(one.score for one in hits), tuple(name for one in hits for name in one.names))

    def _best(self, key: str, row: Row, body: Row) -> Match | None:
        found = [self.match(one, key, row) for one in body["queries"]]
        scores = [one.score for one in found if one is not None]
        names = (str(body["_name"]),) if "_name" in body else ()
        return Match(max(scores), names) if scores else None
