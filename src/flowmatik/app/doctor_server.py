"""What the doctor has to say of a server somewhere else, from outside."""

from pydantic import BaseModel, TypeAdapter

from flowmatik import __version__
from flowmatik.app.finding import Finding
from flowmatik.app.remote import RemoteServer
from flowmatik.kernel.errors import FlowmatikError, PermissionDenied

TITLE = "Flowmatik"


class _Info(BaseModel):
    title: str
    version: str


class _Described(BaseModel):
    info: _Info


_DESCRIPTION = TypeAdapter(_Described)


async def examine_server(url: str, credential: str, *, language: str) -> list[Finding]:
    """Whether it answers, which version it is, whether it can work and whether it takes the key; "" for none
    at hand. What can only be seen on its own machine its own doctor must say."""
    server = RemoteServer(url, credential, language=language)
    try:
        info = (await server.ask(_DESCRIPTION, "GET", "/openapi.json")).info
        if info.title != TITLE:
            values = {"url": url}
            detail, mend = "doctor.server.other", "doctor.server.mend"
            return [Finding(check="server", ok=False, detail=detail, mend=mend, values=values)]
        there = Finding(check="server", ok=True, detail="doctor.server.detail", values={"url": url})
        return [there, _version(info.version), await _ready(server), await _key(server, credential)]
    except FlowmatikError as error:
        return [_failed("server", "doctor.server.failed", "doctor.server.mend", error, url=url)]
    finally:
        await server.close()


def _version(theirs: str) -> Finding:
    same = theirs == __version__
    return Finding(
        check="version",
        ok=True,
        detail="doctor.version.detail" if same else "doctor.version.other",
        mend="" if same else "doctor.version.mend",
        values={"theirs": theirs, "ours": __version__},
    )


async def _ready(server: RemoteServer) -> Finding:
    missing = await server.not_ready()
    if missing:
        said = "; ".join(missing)
        detail, mend = "doctor.ready.failed", "doctor.ready.mend"
        return Finding(check="ready", ok=False, detail=detail, mend=mend, values={"said": said})
    return Finding(check="ready", ok=True, detail="doctor.ready.detail")


async def _key(server: RemoteServer, credential: str) -> Finding:
    if not credential:
        return Finding(
            check="key", ok=True, detail="doctor.key.none", mend="doctor.key.mend", values={"url": server.url}
        )
    try:
        await server.json("GET", "/v1/runs", params={"limit": 1})
    except PermissionDenied:  # known, only without the right to see runs
        return Finding(check="key", ok=True, detail="doctor.key.narrow")
    except FlowmatikError as error:
        return _failed("key", "doctor.key.failed", "doctor.key.mend", error, url=server.url)
    return Finding(check="key", ok=True, detail="doctor.key.detail")


def _failed(check: str, detail: str, mend: str, error: FlowmatikError, **values: object) -> Finding:
    fault = {"code": error.code, "values": error.context, "text": error.message}
    return Finding(check=check, ok=False, detail=detail, mend=mend, values={"error": fault, **values})
