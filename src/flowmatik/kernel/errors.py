"""The error tree. Every error that Flowmatik raises on purpose is in this file.

FlowmatikError
├── ConfigurationError      config.*      settings, home, plugin manifests
├── InvalidInput            input.*       what a caller sent cannot be used
│   ├── ProfileInvalid      an agent profile, with file and line
│   └── PlanInvalid         a plan that cannot run (cycle, unknown need or skill)
├── NotFound                not_found.*   a named thing does not exist (in this workspace)
│   └── Gone                gone.*        it was there, and has been deleted
├── Conflict                conflict.*    the thing exists but is in the wrong state
├── Unauthenticated         auth.*        nobody, or nobody that we can prove
├── PermissionDenied        auth.denied   somebody, without the right
├── Unavailable             unavailable.* a store, provider or process cannot be reached now
│   └── JournalUnavailable  unavailable.journal
│       └── StoreFull       no room for this write; nothing was written, and a smaller one may fit
├── EngineError             engine.*
│   └── Fenced              engine.fenced another owner has the run
├── BudgetExhausted         budget.exhausted
├── ModelError              model.*
│   ├── ModelRejected       the provider refused the request (wrong key, unknown model)
│   ├── ModelUnavailable    time-out, 429 or 5xx after the retries
│   └── ModelMalformed      the answer cannot be read
├── ToolError               tool.*
│   ├── ToolInputInvalid    tool.input
│   └── ToolOutcomeUnknown  tool.unknown  it may have taken effect, and nobody saw
└── DocumentError           document.*    a document that cannot be read, ingested or cited

The message says what happened, which value, and what to do. `code` is stable and for
programs; `context` carries the values (never a secret).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class FlowmatikError(Exception):
    """Root of all errors raised on purpose.

    `code` is a stable dotted identifier; `retryable` says whether the same call may
    succeed later; `context` holds the values named in the message.
    """

    default_code: ClassVar[str] = "internal"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.context: dict[str, object] = dict(context or {})


class ConfigurationError(FlowmatikError):
    default_code = "config.invalid"


class InvalidInput(FlowmatikError):
    default_code = "input.invalid"


class ProfileInvalid(InvalidInput):
    default_code = "input.profile"


class PlanInvalid(InvalidInput):
    default_code = "input.plan"


class NotFound(FlowmatikError):
    default_code = "not_found"


class Gone(NotFound):
    default_code = "gone"


class Conflict(FlowmatikError):
    default_code = "conflict"


class Unauthenticated(FlowmatikError):
    default_code = "auth.required"


class PermissionDenied(FlowmatikError):
    default_code = "auth.denied"


class Unavailable(FlowmatikError):
    default_code = "unavailable"
    default_retryable = True


class JournalUnavailable(Unavailable):
    default_code = "unavailable.journal"


class StoreFull(JournalUnavailable):
    pass


class EngineError(FlowmatikError):
    default_code = "engine"


class Fenced(EngineError):
    default_code = "engine.fenced"


class BudgetExhausted(FlowmatikError):
    default_code = "budget.exhausted"


class ModelError(FlowmatikError):
    """`most_micros`: the most that the call can have cost, with all its attempts, where the provider said
    enough before it failed to know better than what was reserved, or that was for more than was tried; else
    None. Nothing above this bound may ever be charged for the call. `paid`: how much of it each provider may
    get, by id; when that is not the whole of it, nobody can say."""

    default_code = "model"
    most_micros: int | None = None
    paid: Mapping[str, int] = MappingProxyType({})


class ModelRejected(ModelError):
    default_code = "model.rejected"


class ModelUnavailable(ModelError):
    default_code = "model.unavailable"
    default_retryable = True


class ModelMalformed(ModelError):
    default_code = "model.malformed"
    default_retryable = True


class ToolError(FlowmatikError):
    default_code = "tool.failed"


class ToolInputInvalid(ToolError):
    default_code = "tool.input"


class ToolOutcomeUnknown(ToolError):
    """No definite failure: a `once` call that ends with it is in doubt, and never made again by itself."""

    default_code = "tool.unknown"


class DocumentError(FlowmatikError):
    default_code = "document.unreadable"
