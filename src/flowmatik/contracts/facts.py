"""Facts: what an installation remembers for long, of whom, since when, and on whose word.

Two times are kept of each fact. *Valid* time is when it holds in the world, [valid_from, valid_until);
*recorded* time is when the installation took it for so, [recorded_at, retracted_at). Nothing is overwritten:
what is learned later ends the recorded time of what was known before, and stands beside it. (Snodgrass,
Developing Time-Oriented Database Applications in SQL, 1999; SQL:2011, periods.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from flowmatik.contracts.security import Principal

MAX_VALUE_CHARACTERS = 1_000
MAX_NAME_CHARACTERS = 200
MAX_QUOTE_CHARACTERS = 500
MAX_SUPPORTS = 20  # that one statement may bring


class FactScope(StrEnum):
    """For whom a fact is there: all of a workspace, the members of a team, an agent when it works for the
    person of whom it has it (or for everybody, where a person says so), one person alone, or one
    conversation."""

    WORKSPACE = "workspace"
    TEAM = "team"
    AGENT = "agent"
    USER = "user"
    THREAD = "thread"


class Origin(StrEnum):
    """How a fact came to be known. PERSON: entered or corrected by somebody. SAID: read by rule in what
    somebody said in a conversation. AGENT: an agent wanted it remembered. MODEL: a model found it.
    DOCUMENT: it stands in a document. What persons stated (the first two) stays when its sources go; the
    rest is derived, and goes with the last of them."""

    PERSON = "person"
    SAID = "said"
    AGENT = "agent"
    MODEL = "model"
    DOCUMENT = "document"

    @property
    def derived(self) -> bool:
        return self not in (Origin.PERSON, Origin.SAID)


SupportKind = Literal["person", "message", "run", "document", "chunk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a fact rests on. `ref`: a person's id, `<thread>#<number>` of a message, or the id of a run, a
    document or a chunk of one. `quote`: its own words, as data."""

    kind: SupportKind
    ref: str
    quote: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFact:
    """A statement. `owner`: whose the scope is (team, agent, user or thread; "" is the caller for USER, and
    nobody for WORKSPACE). `person`: the one user whom a fact of a thread or an agent is for, the
    caller without. `everybody`: an agent is to know it whoever asks; only for AGENT. `subject` "user" is the
    person themselves. `valid_from` "": from now on; `valid_until` "": without end. Times are
    RFC 3339 or dates. `confidence` and `importance` are from 0 to 1. `many`: whether several values hold side
    by side; None is as the predicate is known to be (`likes` has many, `name` one)."""

    subject: str
    predicate: str
    value: str
    scope: FactScope = FactScope.USER
    owner: str = ""
    person: str = ""
    language: str = ""
    valid_from: str = ""
    valid_until: str = ""
    confidence: float = 1.0
    importance: float = 0.5
    many: bool | None = None
    supports: tuple[Support, ...] = ()
    everybody: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What holds instead, for all of the time of what it corrects unless times are given."""

    value: str
    valid_from: str = ""
    valid_until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One recorded version. `valid_from` "": since ever; `valid_until` "": without end; `retracted_at` "":
    what is known now. `contradicts`: ids of facts with another value that were recorded for some of the same
    time. `used`: how often runs were told it."""

    id: str
    version: int
    scope: FactScope
    owner: str
    person: str
    subject: str
    predicate: str
    value: str
    language: str
    valid_from: str
    valid_until: str
    recorded_at: str
    retracted_at: str
    confidence: float
    importance: float
    origin: Origin
    recorded_by: str
    used: int = 0
    used_at: str = ""
    contradicts: tuple[str, ...] = ()
    supports: tuple[Support, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FactFilter:
    """`recorded_at`: what was known then; "" is now. `valid_at`: what held then; "" is whenever.
    `text`: words of subject, predicate or value. `contradicted`: only what others contradict."""

    scope: FactScope | None = None
    owner: str = ""
    subject: str = ""
    predicate: str = ""
    text: str = ""
    recorded_at: str = ""
    valid_at: str = ""
    contradicted: bool = False


EVERY_FACT = FactFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPage:
    """`next`: opaque cursor, "" on the last page."""

    items: tuple[Fact, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactErasure:
    """A certificate: what was erased and when, without its content. `what`: `fact` (with its whole history),
    `person` (all that was remembered about one), `thread`, `sources` (derived facts whose last support
    went) or `subject` (all that named somebody). `facts`, `versions` and `supports`: how many rows of each
    are gone."""

    id: str
    at: str
    by: str
    what: Literal["fact", "person", "thread", "sources", "subject"]
    facts: int
    versions: int
    supports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactPolicy:
    """What a workspace remembers. `listen`: facts are read, by rule, in what people say in conversations.
    `special`: also data of special categories (GDPR, article 9: health, belief, politics, unions, sex life,
    origin). `personal`: also numbers of identity, accounts and cards; e-mail addresses and telephone
    numbers always are. Secrets never are. `half_life_days`: after how long without use a fact counts half
    when runs are told facts, by scope."""

    listen: bool = True
    special: bool = False
    personal: bool = False
    half_life_days: dict[str, float] = field(
        default_factory=lambda: {
            "workspace": 365.0,
            "team": 365.0,
            "agent": 180.0,
            "user": 365.0,
            "thread": 14.0,
        }
    )


class Facts(Protocol):
    """What people do with facts. Everybody sees those of the workspace and its agents, of their teams, and
    their own, and nobody another person's: to others, administrators too, those are NotFound
    (`not_found.fact`). An administrator may have what is remembered about a person erased, unseen."""

    async def list(
        self, principal: Principal, wanted: FactFilter = EVERY_FACT, *, cursor: str = "", limit: int = 50
    ) -> FactPage:
        """The newest recorded first, without supports. Raises InvalidInput (`input.fact.time`)."""
        ...

    async def get(self, principal: Principal, fact_id: str) -> Fact:
        """As it is known now, or was last."""
        ...

    async def history(self, principal: Principal, fact_id: str) -> Sequence[Fact]:
        """All that was ever recorded of the same subject and predicate in the same scope, the oldest record
        first."""
        ...

    async def add(self, principal: Principal, new: NewFact) -> Fact:
        """Stated by the caller. It ends the valid time of what it contradicts where it begins later, or where
        the caller said both; else both stand, and contradict each other. Said again, it is one fact with one
        support more. Raises InvalidInput (`input.fact.…`), and Conflict (`conflict.fact`) when others change
        the same at the same moment again and again."""
        ...

    async def correct(self, principal: Principal, fact_id: str, correction: Correction) -> Fact:
        """It was never so: a new recorded version by the caller stands in its place, and in the place of what
        contradicted it. Conflict (`conflict.fact_retracted`) for one that is not known to be so any more."""
        ...

    async def end(self, principal: Principal, fact_id: str, *, at: str = "") -> Fact:
        """It was so, and is no longer from `at` (now) on."""
        ...

    async def forget(self, principal: Principal, fact_id: str) -> FactErasure:
        """Erase it with all its history and supports: the rows, and on SQLite their bytes."""
        ...

    async def forget_person(self, principal: Principal, person: str = "") -> FactErasure:
        """All that is remembered about the caller, or, by an administrator, about `person`."""
        ...

    async def erasures(self, principal: Principal, *, limit: int = 50) -> Sequence[FactErasure]:
        """Certificates, the newest first: one's own, an administrator's all."""
        ...

    async def policy(self, principal: Principal) -> FactPolicy: ...

    async def set_policy(self, principal: Principal, policy: FactPolicy) -> FactPolicy:
        """For administrators. Raises InvalidInput (`input.fact.policy`)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionCost:
    """What asking a model would cost at most, in micro-dollars; None: nobody knows a bound."""

    model: str
    messages: int
    most_micros: int | None
    currency: str = "USD"


class FactExtraction(Protocol):
    """Facts that a model finds in what the caller wrote in a conversation. Raises NotFound
    (`not_found.thread`)."""

    async def cost(self, principal: Principal, thread_id: str, *, model: str = "") -> ExtractionCost:
        """Asks nobody. `model` "" is the installation's."""
        ...

    async def extract(
        self, principal: Principal, thread_id: str, *, model: str = "", most_micros: int
    ) -> Sequence[Fact]:
        """What was kept. Raises BudgetExhausted (`budget.facts`) for a call that may cost more than
        `most_micros`, ModelMalformed, and what the call itself raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalling:
    """What a run is about to do, for whom. `facts` and `episodes`: whether it is told any. `tokens`: of all
    of it together. `turns`: older messages of its thread that it is not told word for word."""

    workspace_id: str
    goal: str
    principal: str = ""
    thread: str = ""
    agent: str = ""
    facts: bool = True
    episodes: bool = True
    tokens: int = 800
    turns: tuple[dict[str, Any], ...] = ()


class FactRecall(Protocol):
    """What runs are told."""

    async def recall(self, asked: Recalling) -> dict[str, Any]:
        """`facts` and `episodes`, as JSON, the most useful first; nothing that the run's principal may not
        see."""
        ...


class FactKeeping(Protocol):
    """What the modules that hold sources tell facts. Every call may be made again."""

    async def unsupported(
        self, workspace_id: str, kind: SupportKind, refs: Sequence[str]
    ) -> FactErasure | None:
        """These are gone: so are their quotes, and the derived facts that rested on nothing else. None when
        nothing rested on them."""
        ...

    async def thread_gone(self, workspace_id: str, thread_id: str) -> FactErasure | None:
        """A conversation was deleted: its own facts go, and the quotes from it."""
        ...

    async def going(
        self, workspace_id: str, names: Sequence[str], gone: Mapping[SupportKind, Sequence[str]]
    ) -> int:
        """How many facts `forget_naming` would erase, and `unsupported` after it, each once."""
        ...

    async def forget_naming(self, workspace_id: str, names: Sequence[str]) -> FactErasure | None:
        """Erase, in whatever scope, what has one of `names` in subject, predicate, value or a quote, with its
        history. None when nothing has."""
        ...
