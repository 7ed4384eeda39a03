"""Asks a model the questions, and adds up what that cost."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flowmatik.contracts.model_access import ProbeCost, Verdict
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.integrations.probing.questions import QUESTIONS, Question, Seen
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.errors import ModelMalformed, ModelRejected

TELLING = (400, 404, 405, 415, 422, 501)  # refusals of what was asked, not of who asks
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`cost_micros` None: some of it was not told."""

    verdicts: tuple[Verdict, ...]
    cost_micros: int | None


def cost_of(provider: ModelProvider, model: str, workspace_id: str) -> ProbeCost:
    """The most that `ask_all` may cost."""
    asked = [one for one in QUESTIONS for _ in range(2 if one.again else 1)]
    worst = [provider.worst_case_micros(one.request(model, workspace_id)) for one in asked]
    known = [one for one in worst if one is not None]
    return ProbeCost(
        model=model, calls=len(asked), most_micros=sum(known) if len(known) == len(worst) else None
    )


async def ask_all(provider: ModelProvider, model: str, workspace_id: str) -> Findings:
    """`provider` as it is, without layers. Raises ModelError for anything but a refusal of what was asked:
    then nothing is known."""
    verdicts: list[Verdict] = []
    costs: list[int | None] = []
    for question in QUESTIONS:
        request = question.request(model, workspace_id)
        found, refused = await _asked(provider, question, request, costs)
        if question.again and found[0].able is False and not refused:
            found, _ = await _asked(provider, question, request, costs)
        verdicts += found
    return Findings(verdicts=tuple(verdicts), cost_micros=_sum(costs))


async def _asked(
    provider: ModelProvider, question: Question, request: ModelRequest, costs: list[int | None]
) -> tuple[tuple[Verdict, ...], bool]:
    """And whether it was refused."""
    try:
        seen = await _seen(provider, question, request)
    except ModelRejected as error:
        if error.code == "model.vision":  # it was not asked
            costs.append(0)
            return question.refused, True
        if not question.refused or error.context.get("status") not in TELLING:
            raise
        costs.append(0)
        said = str(error.context.get("reply") or error.message)[:SHOWN]
        return tuple(replace(one, why=f"refused: {said}") for one in question.refused), True
    except ModelMalformed:
        if not question.refused:
            raise
        costs.append(None)
        unread = (replace(one, able=None, why="its answer was unreadable") for one in question.refused)
        return tuple(unread), False
    costs.append(seen.reply.cost_micros if seen.reply.usage.known else None)
    judged = question.judged(seen)
    if seen.reply.finish == "length":  # what is missing may have been what was asked for
        judged = tuple(one if one.able else replace(one, able=None, why="it was cut off") for one in judged)
    return judged, False


async def _seen(provider: ModelProvider, question: Question, request: ModelRequest) -> Seen:
    if not question.streamed:
        return Seen(reply=await provider.complete(request))
    pieces, reply = 0, ModelReply(text="")
    async for item in provider.stream(request):
        if isinstance(item, ModelReply):
            reply = item
        else:
            pieces += 1
    return Seen(reply=reply, pieces=pieces)


def _sum(costs: Iterable[int | None]) -> int | None:
    known = list(costs)
    return None if None in known else sum(cost or 0 for cost in known)
