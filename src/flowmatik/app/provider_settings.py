"""What each model provider wants to know, as a table; `setting_values` makes settings of it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "web", "text", "api"]
SECRET: tuple[Kind, ...] = ("key",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One setting, `providers.<id>.<name>`. A `key` is a secret, an `api` one of OpenAI's two or "auto"."""

    name: str
    variable: str
    kind: Kind = "text"
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderParts:
    """A provider is configured when it has all that it `needs`. Whoever says something of it that has no
    default must say those, and of `together` all or none."""

    id: str
    parts: tuple[Part, ...]
    needs: tuple[str, ...]
    together: tuple[str, ...] = ()


def _key(word: str, name: str = "api_key") -> Part:
    return Part(name=name, variable=f"FLOWMATIK_{word}_{name.upper()}", kind="key")


def _address(word: str, default: str = "") -> Part:
    return Part(name="base_url", variable=f"FLOWMATIK_{word}_BASE_URL", kind="web", default=default)


def _hosted(provider: str, word: str, base_url: str, *others: Part) -> ProviderParts:
    return ProviderParts(
        id=provider, parts=(_key(word), _address(word, base_url), *others), needs=("api_key",)
    )


def _served(provider: str, word: str) -> ProviderParts:
    """A server of one's own: its address is what makes it one, and a key is its own affair."""
    return ProviderParts(id=provider, parts=(_key(word), _address(word)), needs=("base_url",))


# In order of preference for whoever names no model.
PROVIDERS: tuple[ProviderParts, ...] = (
    _hosted(
        "openai",
        "OPENAI",
        "https://api.openai.com/v1",
        Part(name="api", variable="FLOWMATIK_OPENAI_API", kind="api", default="auto"),
    ),
    _hosted("ai302", "302AI", "https://api.302.ai/v1"),
    _hosted("anthropic", "ANTHROPIC", "https://api.anthropic.com"),
    _hosted("google", "GOOGLE", "https://generativelanguage.googleapis.com"),
    _hosted("mistral", "MISTRAL", "https://api.mistral.ai"),
    _hosted("groq", "GROQ", "https://api.groq.com"),
    _hosted("openrouter", "OPENROUTER", "https://openrouter.ai/api/v1"),
    ProviderParts(
        id="azure",
        parts=(
            _key("AZURE"),
            _address("AZURE"),
            Part(name="api_version", variable="FLOWMATIK_AZURE_API_VERSION"),
        ),
        needs=("api_key", "base_url"),
    ),
    ProviderParts(
        id="bedrock",
        parts=(
            Part(name="region", variable="FLOWMATIK_BEDROCK_REGION"),
            _key("BEDROCK"),
            _key("BEDROCK", "access_key"),
            _key("BEDROCK", "secret_key"),
            _key("BEDROCK", "session_token"),
            _address("BEDROCK"),
        ),
        needs=("region",),
        together=("access_key", "secret_key"),
    ),
    _served("ollama", "OLLAMA"),
    _served("vllm", "VLLM"),
)
CONFIGURABLE = tuple(one.id for one in PROVIDERS)
