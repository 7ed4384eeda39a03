"""What the doctor has to say of the home's model list. Nobody is called."""

import asyncio
from typing import Any, cast

from flowmatik.app.finding import Finding
from flowmatik.app.models import open_gateway
from flowmatik.app.settings import Settings
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ConfigurationError


async def check_model_list(settings: Settings) -> list[Finding]:
    """None without a list."""
    if not settings.models_path.is_file():
        return []
    try:
        gateway = await asyncio.to_thread(open_gateway, settings, SystemClock())
    except ConfigurationError as error:
        details = cast("list[dict[str, Any]]", error.context.get("details") or [])
        itself: dict[str, Any] = {"place": "", "code": error.code, "values": {}, "text": error.message}
        first = details[0] if details else itself
        return [
            Finding(
                check="models",
                ok=False,
                detail="doctor.models.faults",
                mend="doctor.models.mend",
                values={"faults": max(1, len(details)), "first": first},
            )
        ]
    deployments = gateway.deployments()
    names = {one.name for one in deployments}
    await gateway.close()
    values = {"count": len(deployments), "names": ", ".join(sorted(names)) or "–"}
    return [Finding(check="models", ok=True, detail="doctor.models.detail", values=values)]
