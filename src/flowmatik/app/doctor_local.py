"""What the doctor says of model servers on this machine."""

from urllib.parse import urlsplit

from flowmatik.app.finding import Finding
from flowmatik.app.local_servers import LocalServer, find_local_servers
from flowmatik.app.settings import Settings


async def check_local_models(settings: Settings) -> list[Finding]:
    """Of those that answer, one finding each; never a fault, and nothing where there is none."""
    return [_found(server, settings) for server in await find_local_servers()]


def _found(server: LocalServer, settings: Settings) -> Finding:
    used = _place(server.base_url) in {_place(provider.base_url) for provider in settings.providers}
    values = {
        "name": server.name,
        "url": server.base_url,
        "models": ", ".join(server.models) or "–",
        "lines": server.lines().replace("\n", "\n      ").strip() if server.models else "",
    }
    detail = "doctor.local.found" if server.models else "doctor.local.empty"
    mend = "doctor.local.use" if server.models and not used else ""
    return Finding(check="local", ok=True, detail=detail, mend=mend, values=values)


def _place(base_url: str) -> str:
    """Host and port alone: the server may be given by another name of this machine, and without a path."""
    return urlsplit(base_url).netloc.replace("localhost", "127.0.0.1")
