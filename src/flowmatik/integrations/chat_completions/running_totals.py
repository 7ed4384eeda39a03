"""Servers that say in every piece of a stream what the call has used so far."""

from collections.abc import AsyncIterator

from openai.types.chat import ChatCompletionChunk, ChatCompletionStreamOptionsParam
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings, OpenAIStreamedResponse
from pydantic_ai.usage import RequestUsage


class TotallingStream(OpenAIStreamedResponse):
    """Needs one reader, that reads in one task and stops before it closes."""

    _said: ChatCompletionChunk | None = None

    async def _validate_response(self) -> AsyncIterator[ChatCompletionChunk]:
        """The library's own iterator takes a lock for each piece, and with it a turn of the loop."""
        yield await anext(self._response)  # the piece at which it looked already
        async for piece in self._response.source:
            yield piece

    def _map_usage(self, response: ChatCompletionChunk) -> RequestUsage:
        """To be read when somebody asks: every piece may tell it, and the last one counts."""
        self._said = response
        return self._usage

    @property
    def usage(self) -> RequestUsage:
        if (said := self._said) is not None:
            self._said = None
            self._add_usage(super()._map_usage(said), reported=True, cumulative=True)
        return super().usage


class TotallingChatModel(OpenAIChatModel):
    """Usage in this format is of the whole call, wherever it stands, so a later one replaces an earlier one;
    the library adds them up unless it asked for running totals, which servers that do not know the option
    may refuse. Needs the setting `openai_continuous_usage_stats`."""

    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return TotallingStream

    def _get_stream_options(
        self, model_settings: OpenAIChatModelSettings
    ) -> ChatCompletionStreamOptionsParam:
        del model_settings
        return {"include_usage": True}
