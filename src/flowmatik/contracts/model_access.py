"""What people ask of models: which there are, what they cost, what they can do, whether they answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from flowmatik.contracts.deployments import DeploymentHealth, ListState

Capability = Literal[
    "answers", "system", "tools", "parallel_tools", "json_schema", "stream", "stream_usage", "vision"
]
CAPABILITIES: tuple[Capability, ...] = (
    "answers",
    "system",
    "tools",
    "parallel_tools",
    "json_schema",
    "stream",
    "stream_usage",
    "vision",
)
PriceSource = Literal["own", "list", "free", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`able` None: the probe could not tell. `why` is for people, in English."""

    capability: Capability
    able: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model was found to be able to do. After `expires_at` nobody goes by it (`expired`).
    `cost_micros` is what it cost to find out, None where the provider did not say."""

    model: str
    verdicts: tuple[Verdict, ...]
    probed_at: str
    expires_at: str
    expired: bool = False
    cost_micros: int | None = 0
    currency: str = "USD"

    def able(self, capability: Capability) -> bool | None:
        return next((one.able for one in self.verdicts if one.capability == capability), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPrice:
    """`currency` (US dollars) per million tokens of input and output; None where it is unknown. `source`:
    `own` from the settings, `list` from a list, which `as_of` names, `free` for what runs here."""

    model: str
    input: float | None
    output: float | None
    source: PriceSource
    as_of: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """`context_tokens` None: nobody knows. `capabilities` None: it was never probed."""

    model: str
    provider: str
    default: bool
    price: ModelPrice
    context_tokens: int | None = None
    capabilities: Capabilities | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTest:
    """One tiny call. `served_by` is what the provider says; `error` is a code and `message` its English,
    "" for an answer."""

    model: str
    ok: bool
    milliseconds: int
    served_by: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int | None = 0
    error: str = ""
    message: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCost:
    """At most so many `calls`, which cost at most `most_micros`; None: nobody knows their price."""

    model: str
    calls: int
    most_micros: int | None
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenModels:
    """`answers` that were kept to be given again, `probes` of what models can do."""

    answers: int
    probes: int


class ModelAccess(Protocol):
    """Every method is for one workspace. `model` "" is the default one; a model that nobody serves is
    ModelRejected (`model.unknown`)."""

    async def list(self, workspace_id: str) -> Sequence[ModelEntry]:
        """Those that are known by name: the default, the names of the model list, those with a price of their
        own, what was probed. What a name of the list costs and can do is that of the deployment that is asked
        first for it, and so is what `probe` finds out: `Capabilities.model` says which."""
        ...

    async def prices(self, workspace_id: str, models: Sequence[str] = ()) -> Sequence[ModelPrice]:
        """Of these, or of all that `list` has. Raises ModelRejected (`model.unknown`, `model.tags`)."""
        ...

    async def test(self, workspace_id: str, model: str) -> ModelTest:
        """Costs one tiny call, which budgets bear. What goes wrong is in the outcome, but for BudgetExhausted
        and Unavailable of `PaidCalls`."""
        ...

    async def probe_cost(self, workspace_id: str, model: str) -> ProbeCost: ...

    async def probe(self, workspace_id: str, model: str, *, most_micros: int | None = None) -> Capabilities:
        """Costs some small calls: at most `most_micros`, or BudgetExhausted (`budget.probe`) before the
        first of them; None is no bound. Budgets bear each of them (`PaidCalls`). Raises ModelError
        when the model does not even answer."""
        ...

    async def health(self, workspace_id: str) -> Sequence[DeploymentHealth]:
        """How the deployments do, as the process that answers sees it: those of the model list, and of those
        that were called by `<provider>/<name>` the ones that this workspace called. For administrators."""
        ...

    async def list_state(self, workspace_id: str) -> ListState: ...

    async def forget(self, workspace_id: str) -> ForgottenModels:
        """Answers that were kept, and what probes found out."""
        ...
