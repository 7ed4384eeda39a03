"""What an operator says about connections: `tools/connections.yaml` of a home."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

ConnectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Reference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConnectionSettings(BaseModel):
    """One service. `oauth`: the authorisation code flow of OAuth 2.1 with PKCE at these addresses; `resource`
    is the API's, for tokens that are good there alone (RFC 8707); `api_key` and `bearer`: a key that the
    person gives, sent in `header` or as a bearer token. `shared`: who has none of their own acts with the
    workspace's. `redirect_uris`: where a person may come back to, beside this machine (RFC 8252)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["oauth", "api_key", "bearer"]
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] = "X-API-Key"
    shared: bool = False
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    client_id: str = ""
    client_secret: Reference | None = None
    scopes: list[str] = []
    resource: str = ""
    redirect_uris: list[str] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind != "oauth":
            return self
        missing = [name for name in ("authorize_url", "token_url", "client_id") if not getattr(self, name)]
        if missing:
            raise ValueError(f"oauth needs {', '.join(missing)}")
        for name in ("authorize_url", "token_url", "revoke_url"):
            if (url := getattr(self, name)) and not is_safe(url):
                raise ValueError(f"{name} must begin with https:// (http:// on this machine alone)")
        return self


class ConnectionKinds(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: dict[ConnectionName, ConnectionSettings] = {}


def is_safe(url: str) -> bool:
    """Encrypted on the way, or never on the way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def may_return_to(settings: ConnectionSettings, uri: str) -> bool:
    """Exactly as listed, or any port of this machine's loopback address."""
    if uri in settings.redirect_uris:
        return True
    parts = urlsplit(uri)
    plain = not parts.query and not parts.fragment and parts.username is None
    return parts.scheme == "http" and parts.hostname in LOOPBACK[:2] and plain
