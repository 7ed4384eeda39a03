"""/v1/agents:bundle…: signed bundles of agents, and the keys whose bundles are taken."""

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.agent_versions import Reason, author_of
from flowmatik.api.services import Services, needs, require
from flowmatik.contracts.bundles import AppliedBundle, BundleView, Incoming, TrustedKey
from flowmatik.contracts.channels import STABLE
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput

router = APIRouter(tags=["agents"])
Reader = Annotated[Principal, needs("agents:read")]
Writer = Annotated[Principal, needs("agents:write")]
Administrator = Annotated[Principal, needs("admin")]
ChannelName = Annotated[str, Field(min_length=1, max_length=63)]
Content = Annotated[str, Field(min_length=1, max_length=2_000_000)]
Key = Annotated[str, Field(max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewBundle(_Body):
    """The versions that `channel` points at, of all agents when none is named."""

    names: Annotated[list[str], Field(max_length=2_000)] = []
    channel: ChannelName = STABLE


class Bundle(BaseModel):
    """`content` is the archive in base64."""

    content: str


class Received(_Body):
    """`content` is the archive in base64. `key`: a public key that is to have signed it, which is trusted for
    this once and is for administrators to give."""

    content: Content
    key: Key = ""


class ToApply(Received):
    """`channel` is to point at the versions of the bundle; `dry_run`: only what would change."""

    channel: ChannelName = STABLE
    dry_run: bool = False
    reason: Reason = ""


class NewKey(_Body):
    """`public`: an Ed25519 key in base64; `name`: by which people know whose it is."""

    public: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=100)]


class KeyList(BaseModel):
    items: tuple[TrustedKey, ...]
    next: str = ""


@router.post("/v1/agents:bundle")
async def create_bundle(body: NewBundle, principal: Writer, at: Services) -> Bundle:
    """An archive that is signed with the installation's key, for another workspace or installation."""
    author = author_of(principal)
    content = await at.bundles.create(principal.workspace_id, author, names=body.names, channel=body.channel)
    return Bundle(content=base64.b64encode(content).decode())


@router.post("/v1/agents:verify-bundle")
async def verify_bundle(body: Received, principal: Reader, at: Services) -> BundleView:
    """What the bundle brings, if its signature holds and its key is trusted."""
    return await at.bundles.verify(principal.workspace_id, _incoming(body))


@router.post("/v1/agents:apply-bundle")
async def apply_bundle(body: ToApply, principal: Writer, at: Services) -> AppliedBundle:
    """All agents of the bundle or none. One that is older than the last from the same place is refused."""
    if body.key:
        require(principal, "admin")
    incoming = _incoming(body, channel=body.channel, dry_run=body.dry_run)
    return await at.bundles.apply(principal.workspace_id, incoming, author_of(principal, body.reason))


@router.get("/v1/agents:keys")
async def list_keys(principal: Reader, at: Services) -> KeyList:
    """Whose bundles are taken; the installation's own key comes first."""
    return KeyList(items=tuple(await at.bundles.keys(principal.workspace_id)))


@router.post("/v1/agents:keys", status_code=201)
async def trust_key(body: NewKey, principal: Administrator, at: Services) -> TrustedKey:
    """From now on its owner's bundles are taken."""
    return await at.bundles.trust(principal.workspace_id, body.public, body.name, author_of(principal))


@router.delete("/v1/agents:keys/{key_id}", status_code=204)
async def distrust_key(key_id: str, principal: Administrator, at: Services) -> Response:
    await at.bundles.distrust(principal.workspace_id, key_id, author_of(principal))
    return Response(status_code=204)


def _incoming(body: Received, *, channel: str = STABLE, dry_run: bool = False) -> Incoming:
    """Raises InvalidInput for what is not base64."""
    try:
        content = base64.b64decode(body.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("the bundle's content is not base64", code="input.base64") from error
    return Incoming(content=content, key=body.key, channel=channel, dry_run=dry_run)
