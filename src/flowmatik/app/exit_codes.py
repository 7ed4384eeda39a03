"""Exit codes: 0 ok · 1 failed · 2 usage · 3 not found · 4 waiting or in doubt · 5 budget ·
6 unavailable · 130 cancelled."""

from enum import IntEnum

from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.kernel.errors import (
    BudgetExhausted,
    ConfigurationError,
    FlowmatikError,
    InvalidInput,
    ModelUnavailable,
    NotFound,
    Unavailable,
)

NO_SUCH_MODEL = ("model.unknown", "model.tags")


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    WAITING = 4
    BUDGET = 5
    UNAVAILABLE = 6
    CANCELLED = 130


def of_error(error: FlowmatikError) -> ExitCode:
    if isinstance(error, BudgetExhausted):
        return ExitCode.BUDGET
    if isinstance(error, (Unavailable, ModelUnavailable)):
        return ExitCode.UNAVAILABLE
    if isinstance(error, NotFound) or error.code in NO_SUCH_MODEL:
        return ExitCode.NOT_FOUND
    if isinstance(error, (InvalidInput, ConfigurationError)):
        return ExitCode.USAGE
    return ExitCode.FAILED


def of_run(view: RunView) -> ExitCode:
    """What the run came to; a run that still goes on counts as waiting."""
    match view.status:
        case RunStatus.SUCCEEDED:
            return ExitCode.OK
        case RunStatus.CANCELLED:
            return ExitCode.CANCELLED
        case RunStatus.FAILED:
            return _of_failure(view.error_code)
        case _:
            return ExitCode.WAITING


def _of_failure(code: str) -> ExitCode:
    if code.startswith("budget"):
        return ExitCode.BUDGET
    if code.startswith(("unavailable", "model.unavailable")):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED
