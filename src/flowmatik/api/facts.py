"""/v1/facts: what is remembered for long, and how people see, correct and erase it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, needs
from flowmatik.contracts.facts import (
    MAX_NAME_CHARACTERS,
    MAX_SUPPORTS,
    Correction,
    ExtractionCost,
    Fact,
    FactErasure,
    FactFilter,
    FactPage,
    FactPolicy,
    FactScope,
    NewFact,
    Support,
)
from flowmatik.contracts.security import Principal

router = APIRouter(prefix="/v1/facts", tags=["facts"])
Reader = Annotated[Principal, needs("memory:read")]
Writer = Annotated[Principal, needs("memory:write")]
Administrator = Annotated[Principal, needs("admin")]
Word = Annotated[str, Query(max_length=MAX_NAME_CHARACTERS)]
Time = Annotated[str, Field(max_length=60)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SupportRequest(_Body):
    """What the statement rests on besides the word of the caller."""

    kind: Literal["message", "run", "document", "chunk"]
    ref: str
    quote: str = ""
    at: Time = ""


class FactRequest(_Body):
    """`owner`: whose the scope is: a team, an agent or a thread. `subject` "user" is the caller. Times are
    dates or RFC 3339; without `valid_from` it holds from now on (`ever`: since ever). `many`: whether several
    values hold side by side; null is as the predicate is known to be. What an agent is told (`scope` agent)
    it knows when it works for the caller, or, with `everybody`, for anybody."""

    subject: str
    predicate: str
    value: str
    scope: FactScope = FactScope.USER
    owner: str = ""
    language: str = ""
    valid_from: Time = ""
    valid_until: Time = ""
    confidence: Share = 1.0
    importance: Share = 0.5
    many: bool | None = None
    supports: Annotated[list[SupportRequest], Field(max_length=MAX_SUPPORTS - 1)] = []
    everybody: bool = False


class CorrectionRequest(_Body):
    """`value` holds instead, for all of the time of the fact unless times are given."""

    value: str
    valid_from: Time = ""
    valid_until: Time = ""


class EndRequest(_Body):
    """`at`: from when on it does not hold any more; without it, from now on."""

    at: Time = ""


class PolicyRequest(_Body):
    """What the workspace remembers; what is not said is as at first."""

    listen: bool = True
    special: bool = False
    personal: bool = False
    half_life_days: dict[FactScope, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}


class ExtractionRequest(_Body):
    """`max_usd`: what the call of the model may cost at most."""

    thread: Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]
    model: Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)] = ""
    max_usd: Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]


class Erasures(BaseModel):
    items: tuple[FactErasure, ...]
    next: str = ""


class History(BaseModel):
    items: tuple[Fact, ...]
    next: str = ""


@router.get("")
async def list_facts(
    principal: Reader,
    at: Services,
    scope: FactScope | None = None,
    owner: Word = "",
    subject: Word = "",
    predicate: Word = "",
    text: Word = "",
    recorded_at: Word = "",
    valid_at: Word = "",
    contradicted: bool = False,
    cursor: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> FactPage:
    """Those of the workspace, of the caller's teams, and the caller's own; the newest recorded first.
    `recorded_at`: what was known then; `valid_at`: what held then. `contradicted`: only what others
    contradict."""
    wanted = FactFilter(
        scope=scope,
        owner=owner,
        subject=subject,
        predicate=predicate,
        text=text,
        recorded_at=recorded_at,
        valid_at=valid_at,
        contradicted=contradicted,
    )
    return await at.facts.list(principal, wanted, cursor=cursor, limit=limit)


@router.post("", status_code=201)
async def add_fact(body: FactRequest, principal: Writer, at: Services) -> Fact:
    """Stated by the caller. It ends what it contradicts where it begins later, or where the caller said both;
    else both stand, and say so."""
    given: dict[str, Any] = body.model_dump(exclude={"supports"})
    supports = tuple(Support(**one.model_dump()) for one in body.supports)
    return await at.facts.add(principal, NewFact(**given, supports=supports))


@router.delete("")
async def forget_person(
    principal: Writer, at: Services, person: Annotated[str, Query(max_length=200)] = ""
) -> FactErasure:
    """Erase all that is remembered about the caller or, by an administrator, about the user `person`."""
    return await at.facts.forget_person(principal, person)


@router.get("/erasures")
async def list_erasures(
    principal: Reader, at: Services, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> Erasures:
    """Certificates of what was erased, without its content: one's own; an administrator's all."""
    return Erasures(items=tuple(await at.facts.erasures(principal, limit=limit)))


@router.get("/policy")
async def read_policy(principal: Reader, at: Services) -> FactPolicy:
    """What the workspace remembers."""
    return await at.facts.policy(principal)


@router.put("/policy")
async def set_policy(body: PolicyRequest, principal: Administrator, at: Services) -> FactPolicy:
    """`special`: also data on health, belief and the like; `personal`: also numbers of identity, accounts
    and cards."""
    days = {scope.value: count for scope, count in body.half_life_days.items()}
    policy = FactPolicy(listen=body.listen, special=body.special, personal=body.personal, half_life_days=days)
    return await at.facts.set_policy(principal, policy)


@router.get("/extraction")
async def extraction_cost(principal: Writer, at: Services, thread: Word, model: Word = "") -> ExtractionCost:
    """What it would cost at most to have a model read the caller's messages of a thread."""
    return await at.fact_extraction.cost(principal, thread, model=model)


@router.post("/extraction")
async def extract_facts(body: ExtractionRequest, principal: Writer, at: Services) -> History:
    """Have a model read the caller's messages of a thread; what it finds is kept if it quotes them word for
    word. Nothing is asked that may cost more than `max_usd`."""
    most = round(body.max_usd * 1_000_000)
    found = await at.fact_extraction.extract(principal, body.thread, model=body.model, most_micros=most)
    return History(items=tuple(found))


@router.get("/{fact_id}")
async def read_fact(fact_id: str, principal: Reader, at: Services) -> Fact:
    """As it is known now, or was last, with what it rests on."""
    return await at.facts.get(principal, fact_id)


@router.get("/{fact_id}/history")
async def fact_history(fact_id: str, principal: Reader, at: Services) -> History:
    """All that was ever recorded of the same subject and predicate, the oldest record first."""
    return History(items=tuple(await at.facts.history(principal, fact_id)))


@router.post("/{fact_id}/correct")
async def correct_fact(fact_id: str, body: CorrectionRequest, principal: Writer, at: Services) -> Fact:
    """It was never so: the caller says what was."""
    correction = Correction(value=body.value, valid_from=body.valid_from, valid_until=body.valid_until)
    return await at.facts.correct(principal, fact_id, correction)


@router.post("/{fact_id}/end")
async def end_fact(fact_id: str, body: EndRequest, principal: Writer, at: Services) -> Fact:
    """It was so, and is no longer."""
    return await at.facts.end(principal, fact_id, at=body.at)


@router.delete("/{fact_id}")
async def forget_fact(fact_id: str, principal: Writer, at: Services) -> FactErasure:
    """Erase the fact with all its history; the certificate says what and when, without the content."""
    return await at.facts.forget(principal, fact_id)
