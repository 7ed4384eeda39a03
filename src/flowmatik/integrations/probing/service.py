"""What people ask of models, answered from the settings, the lists, the probes, and by asking the models."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from flowmatik.contracts.deployments import DeploymentHealth, DeploymentWatch, ListState
from flowmatik.contracts.model_access import (
    Capabilities,
    ForgottenModels,
    ModelEntry,
    ModelPrice,
    ModelTest,
    ProbeCost,
)
from flowmatik.contracts.models import Message, ModelGateway, ModelRequest, Usage
from flowmatik.contracts.paid_calls import PaidCalls, spender_in
from flowmatik.integrations.layers.answers import Answers
from flowmatik.integrations.probing.paying import Paying
from flowmatik.integrations.probing.probing import ask_all, cost_of
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import BudgetExhausted, ModelError

PRICED_TOKENS = 10_000  # a price is rounded up to micro-dollars: of so many it is exact
MICROS = 1_000_000
TEST_TOKENS = 64
TEST_SECONDS = 60.0
OWN_MACHINES = ("local", "ollama", "vllm")  # providers whose models cost nothing where they run at home


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What is known of models by name. `models`: those that the settings and the model list name;
    `own_prices`: of them, those whose price stands there; `window` looks one up (blocking)."""

    models: tuple[str, ...] = ()
    own_prices: frozenset[str] = frozenset()
    window: Callable[[str], int | None] = lambda model: None


class Models(ModelGateway, DeploymentWatch, Protocol):
    """A gateway that also says who is behind a name."""

    def bare(self, model: str) -> tuple[str, ModelProvider]:
        """What is asked first for it, as its provider knows it, and that provider without layers. Raises
        ModelRejected."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`paid`: tests and probes are no runs, but cost as they do."""

    models: Models
    paid: PaidCalls


class KnownModels:
    """Implements `ModelAccess` for one gateway. What a probe finds out is true of what is asked first for a
    model, whatever name led there. `named` says what is known by name now."""

    def __init__(
        self,
        asked: Asked,
        named: Callable[[], Named],
        probes: StoredProbes,
        answers: Answers,
        clock: Clock,
    ) -> None:
        self._models = asked.models
        self._bare = asked.models.bare
        self._paid = asked.paid
        self._named = named
        self._probes = probes
        self._answers = answers
        self._clock = clock

    async def list(self, workspace_id: str) -> Sequence[ModelEntry]:
        default, named = self._models.default_model(), self._named()
        probed = {one.model: one for one in await self._probes.all(workspace_id)}
        found: list[ModelEntry] = []
        for name in dict.fromkeys((default, *named.models, *probed)):
            asked = self._asked(name)
            found.append(
                ModelEntry(
                    model=name,
                    provider=asked.partition("/")[0],
                    default=name == default,
                    price=await self._price(name),
                    context_tokens=await asyncio.to_thread(named.window, name),
                    capabilities=probed.get(asked),
                )
            )
        return found

    async def prices(self, workspace_id: str, models: Sequence[str] = ()) -> Sequence[ModelPrice]:
        for model in models:
            self._bare(model)  # or ModelRejected
        names = models or [entry.model for entry in await self.list(workspace_id)]
        return [await self._price(name) for name in names]

    async def test(self, workspace_id: str, model: str) -> ModelTest:
        model = model or self._models.default_model()
        request = ModelRequest(
            model=model,
            messages=(Message(role="user", content="Answer with the word yes."),),
            max_output_tokens=TEST_TOKENS,
            timeout=TEST_SECONDS,
            workspace_id=workspace_id,
            cache=False,
        )
        begun = self._clock.monotonic()
        try:
            reply = await self._paid.complete(spender_in(workspace_id), request, "test")
        except ModelError as error:
            return ModelTest(
                model=model,
                ok=False,
                milliseconds=self._since(begun),
                cost_micros=None,
                error=error.code,
                message=error.message,
            )
        return ModelTest(
            model=model,
            ok=True,
            milliseconds=self._since(begun),
            served_by=reply.model,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            cost_micros=reply.cost_micros if reply.usage.known else None,
        )

    async def probe_cost(self, workspace_id: str, model: str) -> ProbeCost:
        asked, provider = self._bare(model or self._models.default_model())
        return cost_of(provider, asked, workspace_id)

    async def probe(self, workspace_id: str, model: str, *, most_micros: int | None = None) -> Capabilities:
        asked, provider = self._bare(model or self._models.default_model())
        worst = cost_of(provider, asked, workspace_id).most_micros
        if most_micros is not None and (worst is None or worst > most_micros):
            raise _too_dear(asked, worst, most_micros)
        paying = Paying(provider, self._paid, spender_in(workspace_id), "probe")
        return await self._probes.put(workspace_id, asked, await ask_all(paying, asked, workspace_id))

    async def health(self, workspace_id: str) -> Sequence[DeploymentHealth]:
        return self._models.deployments(workspace_id)

    async def list_state(self, workspace_id: str) -> ListState:
        del workspace_id
        return self._models.list_state()

    async def forget(self, workspace_id: str) -> ForgottenModels:
        return ForgottenModels(
            answers=await self._answers.forget(workspace_id), probes=await self._probes.forget(workspace_id)
        )

    async def _price(self, model: str) -> ModelPrice:
        """On a thread: the public list takes a moment to load."""
        into, out = await asyncio.to_thread(
            lambda: (
                self._models.price_micros(model, Usage(input_tokens=PRICED_TOKENS)),
                self._models.price_micros(model, Usage(output_tokens=PRICED_TOKENS)),
            )
        )
        if into is None or out is None:
            return ModelPrice(model=model, input=None, output=None, source="unknown")
        dollars = (into / PRICED_TOKENS, out / PRICED_TOKENS)  # micro-dollars a token
        own = self._named().own_prices
        if model.partition("@")[0] in own or model in own:
            return ModelPrice(model=model, input=dollars[0], output=dollars[1], source="own")
        if not any(dollars) and self._asked(model).partition("/")[0] in OWN_MACHINES:
            return ModelPrice(model=model, input=dollars[0], output=dollars[1], source="free")
        named = f"genai-prices {version('genai-prices')}"
        return ModelPrice(model=model, input=dollars[0], output=dollars[1], source="list", as_of=named)

    def _asked(self, name: str) -> str:
        """Of a name that nobody serves (any more), itself."""
        try:
            return self._bare(name)[0]
        except ModelError:
            return name

    def _since(self, begun: float) -> int:
        return round((self._clock.monotonic() - begun) * 1000)


def _too_dear(model: str, worst: int | None, most: int) -> BudgetExhausted:
    context = {"model": model, "most_usd": most / MICROS}
    if worst is None:
        return BudgetExhausted(
            f"what probing {model!r} may cost nobody knows, for its price is unknown, and at most "
            f"{context['most_usd']} US dollars are allowed; set its price, or leave --max-usd out",
            code="budget.probe",
            context=context,
        )
    return BudgetExhausted(
        f"probing {model!r} may cost up to {worst / MICROS} US dollars, and at most {context['most_usd']} "
        "are allowed; allow more",
        code="budget.probe",
        context={**context, "worst_usd": worst / MICROS},
    )
