"""Servers that say in every piece of a stream what the call has used so far."""

from openai.types.chat import ChatCompletionStreamOptionsParam
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings


class TotallingChatModel(OpenAIChatModel):
    """Usage in this format is of the whole call, wherever it stands, so a later one replaces an earlier one;
    the library adds them up unless it asked for running totals, which servers that do not know the option
    may refuse. Needs the setting `openai_continuous_usage_stats`."""

    def _get_stream_options(
        self, model_settings: OpenAIChatModelSettings
    ) -> ChatCompletionStreamOptionsParam:
        del model_settings
        return {"include_usage": True}
