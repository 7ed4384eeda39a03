"""JSON that people give on the command line, and what becomes of the run that was told something."""

from typing import Any

from flowmatik.app.backend import Backend
from flowmatik.contracts.runs import RunView
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput


def json_given(option: str, text: str | None) -> Any:
    """None when nothing was given. Raises InvalidInput (`input.json`)."""
    if text is None:
        return None
    try:
        return canonical.loads(text)
    except ValueError as error:
        raise InvalidInput(
            f"{option} is not JSON: {error}; put it in single quotes",
            code="input.json",
            context={"option": option, "said": str(error)},
        ) from error


async def gone_on(backend: Backend, run_id: str) -> RunView:
    """The run now; where its engine is this process, once it rests again, for nobody else would drive it."""
    if backend.here:
        return await backend.runs.wait(backend.workspace_id, run_id)
    return await backend.runs.get(backend.workspace_id, run_id)
