"""One attempt at a call, through Pydantic AI's direct interface; the vendor's part is in a `Vendor`."""

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Protocol, cast

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelResponse, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model, StreamedResponse
from pydantic_ai.settings import ModelSettings

from flowmatik.contracts.call_notes import ProviderWait
from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.mapping import to_messages, to_parameters
from flowmatik.integrations.direct.sampling import takes_temperature
from flowmatik.integrations.provider import model_name

CONNECT_SECONDS = 5.0
# The vendor's reader takes an answer's shape for granted: what it trips over is the answer's fault.
FAULTS = (LookupError, TypeError, AttributeError, ValueError, AssertionError)


class Vendor(Protocol):
    """One vendor's client. It repeats no call by itself, for that could be charged twice. `unsent` are errors
    of its own that it raises before anything is sent, for want of a key or the like."""

    @property
    def unsent(self) -> tuple[type[Exception], ...]: ...

    def model(self, name: str) -> Model:
        """The model of that name; nothing is connected."""
        ...

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        """What a call needs beside `max_tokens` and `temperature`: its time-out, its idempotency key. None
        takes one of those two away."""
        ...

    def native_schema(self, request: ModelRequest) -> bool:
        """Whether the model is to be held to the schema by the vendor. Asked only where the model can be;
        elsewhere the schema is asked for in words."""
        ...

    async def close(self) -> None: ...


@contextmanager
def _told_apart(unsent: tuple[type[Exception], ...]) -> Generator[None]:
    try:
        yield
    except unsent as error:
        raise UserError(f"{error}") from error
    except FAULTS as error:
        raise _faulty(error) from error


def _faulty(error: Exception) -> UnexpectedModelBehavior:
    return UnexpectedModelBehavior(f"{type(error).__name__}: {error}")


class Client:
    """One attempt at a call; errors are the vendor's."""

    def __init__(self, vendor: Vendor, *, json_schema: bool) -> None:
        self._vendor = vendor
        self._json_schema = json_schema
        self._models: dict[str, Model] = {}

    async def ask(self, request: ModelRequest) -> ModelResponse:
        model, arguments = self._prepared(request)
        with _told_apart(self._vendor.unsent), ProviderWait():
            return await model_request(model, **arguments, instrument=False)

    async def open_stream(self, request: ModelRequest, stack: AsyncExitStack) -> StreamedResponse:
        """Returns when the first piece has arrived; `stack` closes the stream."""
        model, arguments = self._prepared(request)
        opening = model_request_stream(model, **arguments, instrument=False)
        with _told_apart(self._vendor.unsent), ProviderWait():
            return await stack.enter_async_context(opening)

    async def texts(self, streamed: StreamedResponse) -> AsyncIterator[str]:
        pieces, wait = aiter(streamed), ProviderWait()
        while True:
            try:
                with wait:
                    event = await anext(pieces)
            except StopAsyncIteration:
                return
            except FAULTS as error:
                raise _faulty(error) from error
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                text = event.part.content
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                text = event.delta.content_delta
            else:
                continue
            if text:
                yield text

    async def close(self) -> None:
        await self._vendor.close()

    def _prepared(self, request: ModelRequest) -> tuple[Model, dict[str, Any]]:
        name = model_name(request)
        if name not in self._models:
            self._models[name] = self._vendor.model(name)
        model = self._models[name]
        given = {
            "max_tokens": request.max_output_tokens,
            "temperature": request.temperature if takes_temperature(model.profile) else None,
            **self._vendor.settings(request),
        }
        settings = cast("ModelSettings", {name: value for name, value in given.items() if value is not None})
        native = self._native(model, request, settings)
        return model, {
            "messages": to_messages(request.messages, None if native else request.output_schema),
            "model_settings": settings,
            "model_request_parameters": to_parameters(request, native_schema=native),
        }

    def _native(self, model: Model, request: ModelRequest, settings: ModelSettings) -> bool:
        """Whether the schema goes to the vendor, who may not take this one, or none beside tools."""
        if request.output_schema is None or not self._json_schema or not self._vendor.native_schema(request):
            return False
        try:
            model.prepare_request(settings, to_parameters(request, native_schema=True))
        except UserError:
            return False
        return True
