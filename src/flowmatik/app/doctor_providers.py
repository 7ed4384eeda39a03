"""Whether model providers answer, and what they need is installed. Nothing here costs anything."""

from dataclasses import dataclass

import httpx

from flowmatik.app.finding import Finding
from flowmatik.app.models import PLUGINS
from flowmatik.app.settings import Provider
from flowmatik.integrations.direct.address import api_root, host_root
from flowmatik.integrations.models.gateway import provider_plugins

PROVIDER_SECONDS = 5.0
NO_SUCH_ROUTE = (404, 405, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """Where a provider lists its models, with which headers, and where it answers, if that may be asked."""

    models: str
    headers: dict[str, str]
    answers: str = ""


async def check_provider(provider: Provider, model: str = "") -> Finding:
    """Asks for the list of models, and where there is none for an answer to nothing; neither costs."""
    manifest = provider_plugins().manifest(PLUGINS.get(provider.id, provider.id))
    if missing := manifest.missing():
        return Finding(
            check="provider",
            ok=False,
            detail="doctor.provider.library",
            mend="doctor.provider.library_mend",
            values={"provider": provider.id, "missing": ", ".join(missing), "extra": manifest.extra},
        )
    if provider.id == "bedrock":  # its list is at another address, and only for signed requests
        return Finding(
            check="provider",
            ok=True,
            detail="doctor.provider.unasked",
            mend="doctor.provider.unlisted_why",
            values={"provider": provider.id},
        )
    door, listed = _door(provider), True
    try:
        async with httpx.AsyncClient(timeout=PROVIDER_SECONDS) as client:
            answer = await client.get(door.models, headers=door.headers)
            if door.answers and answer.status_code in NO_SUCH_ROUTE:
                owner, _, name = model.partition("/")
                asked = {"model": name if owner == provider.id else "", "messages": list[str]()}
                answer = await client.post(door.answers, headers=door.headers, json=asked)
                listed = False
    except httpx.HTTPError:
        return _provider_failed(provider, "doctor.provider.unreachable")
    if answer.status_code in (401, 403):
        return _provider_failed(provider, "doctor.provider.key")
    if not listed and answer.status_code not in NO_SUCH_ROUTE and answer.status_code < 500:
        values = {"provider": provider.id, "status": answer.status_code}
        detail, mend = "doctor.provider.unlisted", "doctor.provider.unlisted_why"
        return Finding(check="provider", ok=True, detail=detail, mend=mend, values=values)
    if not answer.is_success:
        return _provider_failed(provider, "doctor.provider.failed", error=f"HTTP {answer.status_code}")
    return Finding(
        check="provider",
        ok=True,
        detail="doctor.provider.detail",
        values={"provider": provider.id, "status": answer.status_code},
    )


def _door(provider: Provider) -> _Door:
    key = provider.api_key
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    match provider.id:
        case "anthropic":
            headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
            return _Door(models=f"{host_root(provider.base_url, provider.id)}/v1/models", headers=headers)
        case "google":
            root = host_root(provider.base_url, provider.id)
            return _Door(models=f"{root}/v1beta/models", headers={"x-goog-api-key": key})
        case "mistral":
            return _Door(models=f"{host_root(provider.base_url, provider.id)}/v1/models", headers=bearer)
        case "groq" | "azure":
            root = host_root(provider.base_url, provider.id).removesuffix("/openai")
            headers = {"api-key": key} if provider.id == "azure" else bearer
            return _Door(models=f"{root}/openai/v1/models", headers=headers)
        case _:
            root = api_root(provider.base_url, provider.id)
            return _Door(models=f"{root}/models", headers=bearer, answers=f"{root}/chat/completions")


def _provider_failed(provider: Provider, detail: str, **values: object) -> Finding:
    return Finding(
        check="provider",
        ok=False,
        detail=detail,
        mend="doctor.provider.mend",
        values={"provider": f"{provider.id} ({provider.base_url})", **values},
    )
