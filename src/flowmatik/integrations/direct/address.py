"""Addresses as people paste them."""

from urllib.parse import urlsplit

from flowmatik.kernel.errors import ConfigurationError


def api_root(base_url: str, provider: str) -> str:
    """The root of the API, ending in its version: `/chat/completions` and slashes at the end are cut,
    and an address without a path gets `/v1`. Raises ConfigurationError."""
    root = _checked(base_url.strip().rstrip("/").removesuffix("/chat/completions"), provider)
    return root if urlsplit(root).path else f"{root}/v1"


def host_root(base_url: str, provider: str) -> str:
    """The address for a client that adds the version itself: a `/v1` at the end is cut, too.
    Raises ConfigurationError."""
    return _checked(base_url.strip().rstrip("/").removesuffix("/v1"), provider)


def _checked(address: str, provider: str) -> str:
    root = address.rstrip("/")
    parts = urlsplit(root)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ConfigurationError(
            f"the base URL of the model provider {provider!r} must look like https://host/v1, without a user "
            "or a query; correct it in the settings",
            code="config.address",
            context={"provider": provider},
        )
    return root
