"""`StoredGraphReader`: passages are shown to an extractor, a few at a time, and what it finds is kept."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.graph_extraction import (
    MOST_PASSAGES,
    Extracted,
    GraphExtractor,
    GraphReading,
    GraphReadingCost,
    PassageText,
)
from flowmatik.contracts.memory import is_among
from flowmatik.contracts.paid_calls import on_behalf_of
from flowmatik.contracts.security import Principal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import BudgetExhausted, FlowmatikError, InvalidInput, ModelError
from flowmatik.memory.bulk import listed
from flowmatik.memory.extractions import extraction
from flowmatik.memory.gazetteers import supplied_to
from flowmatik.memory.rebuild import derive_again
from flowmatik.memory.writing import touched

_AT_ONCE = 4  # calls
_OF_A_CALL = 8  # passages
_SIGNS_OF_A_CALL = 12_000
_PAGE = 1000  # passages looked at
_UNREAD = (
    "SELECT c.number, c.document, c.heading, c.start_at, c.end_at, d.source, d.title"
    " FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id"
    " AND d.id = c.document WHERE c.workspace_id = $1 AND c.number > $2 AND NOT EXISTS (SELECT 1"
    " FROM memory_extractions e WHERE e.workspace_id = $1 AND e.chunk = c.number)"
    " AND NOT EXISTS (SELECT 1 FROM memory_tables t WHERE t.workspace_id = $1"
    " AND t.document = c.document) ORDER BY c.number LIMIT $3"
)


@dataclass(frozen=True, slots=True)
class _Passage:
    number: int
    document: str
    shown: PassageText


class StoredGraphReader:
    """Implements `GraphReader`. `extractor` makes the plugin for a model, of the default one for ""."""

    def __init__(self, database: Database, clock: Clock, extractor: Callable[[str], GraphExtractor]) -> None:
        self._database = database
        self._clock = clock
        self._extractor = extractor

    async def cost(
        self, principal: Principal, *, sources: Sequence[str] = (), model: str = "", limit: int = 1000
    ) -> GraphReadingCost:
        extractor = self._extractor(model)
        calls = await self._calls(principal.workspace_id, sources, limit)
        return GraphReadingCost(
            model=extractor.model,
            passages=sum(map(len, calls)),
            calls=len(calls),
            most_micros=_most_micros(extractor, principal.workspace_id, calls),
        )

    async def read(
        self,
        principal: Principal,
        *,
        sources: Sequence[str] = (),
        model: str = "",
        limit: int = 1000,
        most_micros: int,
    ) -> GraphReading:
        extractor, workspace_id = self._extractor(model), principal.workspace_id
        calls = await self._calls(workspace_id, sources, limit)
        worst = _most_micros(extractor, workspace_id, calls)
        if calls and (worst is None or worst > most_micros):
            raise _too_dear(extractor.model, worst, most_micros)
        found: list[Extracted] = []
        failed, fault = 0, None
        with on_behalf_of(workspace_id, principal.id):
            for start in range(0, len(calls), _AT_ONCE):
                group = calls[start : start + _AT_ONCE]
                answers = await asyncio.gather(*(_answer(extractor, workspace_id, one) for one in group))
                read: list[tuple[_Passage, Extracted]] = []
                for passages, answer in zip(group, answers, strict=True):
                    if isinstance(answer, FlowmatikError):
                        failed, fault = failed + len(passages), answer
                    else:
                        read += zip(passages, answer, strict=True)
                await self._keep(workspace_id, extractor.model, read)
                found += (one for _, one in read)
                if fault is not None and not (found and isinstance(fault, ModelError)):
                    raise fault
        return GraphReading(
            model=extractor.model,
            passages=len(found),
            entities=sum(len(one.entities) for one in found),
            relations=sum(len(one.relations) for one in found),
            failed=failed,
        )

    async def _calls(self, workspace_id: str, sources: Sequence[str], limit: int) -> list[list[_Passage]]:
        if not 1 <= limit <= MOST_PASSAGES:
            raise InvalidInput(
                f"limit is {limit}; it must be from 1 to {MOST_PASSAGES}",
                code="input.limit",
                context={"limit": limit, "most": MOST_PASSAGES},
            )
        database = self._database.within(workspace_id)
        meant: list[Row] = []
        after = -1
        while len(meant) < limit and (page := await database.fetch(_UNREAD, workspace_id, after, _PAGE)):
            meant += [row for row in page if is_among(str(row[5]), sources)]
            after = int(page[-1][0])
        del meant[limit:]
        texts: dict[str, str] = {}
        for sql, values in listed(
            "SELECT id, text FROM memory_documents WHERE workspace_id = $1 AND id IN (:list)",
            sorted({str(row[1]) for row in meant}),
            2,
        ):
            texts.update(
                {str(key): str(text) for key, text in await database.fetch(sql, workspace_id, *values)}
            )
        return list(_in_calls([_passage(row, texts) for row in meant if str(row[1]) in texts]))

    async def _keep(
        self,
        workspace_id: str,
        model: str,
        read: Sequence[tuple[_Passage, Extracted]],
    ) -> None:
        if not read:
            return
        database, at = self._database.within(workspace_id), self._clock.now().isoformat()
        kept = (extraction(workspace_id, passage.number, model, found, at) for passage, found in read)
        await database.transaction(
            [touched(workspace_id), *(one for statements in kept for one in statements)]
        )
        supplied = await supplied_to(database, workspace_id)
        for document in dict.fromkeys(passage.document for passage, _ in read):
            await derive_again(database, workspace_id, document, supplied)


async def _answer(
    extractor: GraphExtractor, workspace_id: str, passages: Sequence[_Passage]
) -> Sequence[Extracted] | FlowmatikError:
    """What it raises is returned, so that what was read meanwhile is kept."""
    try:
        return await extractor.read(workspace_id, [one.shown for one in passages])
    except FlowmatikError as error:
        return error


def _passage(row: Sequence[object], texts: dict[str, str]) -> _Passage:
    number, document, heading, start, end, _source, title = row
    text = texts[str(document)][int(str(start)) : int(str(end))]
    return _Passage(
        int(str(number)), str(document), PassageText(title=str(title), heading=str(heading), text=text)
    )


def _in_calls(passages: Sequence[_Passage]) -> Iterator[list[_Passage]]:
    group: list[_Passage] = []
    signs = 0
    for one in passages:
        if group and (len(group) == _OF_A_CALL or signs + len(one.shown.text) > _SIGNS_OF_A_CALL):
            yield group
            group, signs = [], 0
        group.append(one)
        signs += len(one.shown.text)
    if group:
        yield group


def _most_micros(
    extractor: GraphExtractor, workspace_id: str, calls: Sequence[Sequence[_Passage]]
) -> int | None:
    total = 0
    for passages in calls:
        worst = extractor.most_micros(workspace_id, [one.shown for one in passages])
        if worst is None:
            return None
        total += worst
    return total


def _too_dear(model: str, worst: int | None, allowed: int) -> BudgetExhausted:
    cost = "?" if worst is None else f"{worst / 1e6:.4f}"
    return BudgetExhausted(
        f"reading them with {model!r} may cost {cost} USD, and {allowed / 1e6:.4f} USD are allowed",
        code="budget.graph",
        context={"model": model, "cost": cost, "allowed": f"{allowed / 1e6:.4f}"},
    )
