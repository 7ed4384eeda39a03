"""/v1/auth: a password becomes a short-lived token; a principal makes API keys."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from flowmatik.api.services import Services, caller
from flowmatik.contracts.security import IssuedKey, Principal

router = APIRouter(prefix="/v1/auth", tags=["auth"])
Anyone = Annotated[Principal, Depends(caller)]


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme
    expires_in: int


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    scopes: list[str]


class Me(BaseModel):
    id: str
    name: str
    workspace_id: str
    scopes: list[str]


@router.post("/login")
async def login(body: Login, at: Services) -> Token:
    issued = await at.identity.login(body.username, body.password)
    return Token(access_token=issued.token, expires_in=issued.expires_in)


@router.post("/keys", status_code=201)
async def create_key(body: NewKey, principal: Anyone, at: Services) -> IssuedKey:
    """The secret is shown once; only its hash is kept."""
    return await at.identity.create_key(principal, body.name, tuple(body.scopes))


@router.get("/me")
async def me(principal: Anyone) -> Me:
    return Me(
        id=principal.id,
        name=principal.name,
        workspace_id=principal.workspace_id,
        scopes=sorted(principal.scopes),
    )
