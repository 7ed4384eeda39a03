"""What `flowmatik init` says of model servers on this machine."""

import asyncio
import sys
from typing import TYPE_CHECKING

from flowmatik.app.cli.asking import agreed
from flowmatik.app.cli.session import Session, clean
from flowmatik.app.settings import SETTINGS_FILE, Settings

if TYPE_CHECKING:
    from flowmatik.app.local_servers import LocalServer


async def offer_local_models(session: Session, settings: Settings) -> "list[LocalServer]":
    """Those that were found. Where a model is set already nobody is asked, nor where nobody can be; else the
    first one is written into the settings of whoever agrees."""
    from flowmatik.app.local_servers import find_local_servers, use_local_server

    if settings.providers or settings.model:
        return []
    found = [one for one in await find_local_servers() if one.models]
    for server in found:
        models = clean(", ".join(server.models))
        session.say("init.local_found", name=server.name, url=server.base_url, models=models)
    if not found:
        return []
    first = found[0]
    file = settings.home / SETTINGS_FILE
    can_ask = not session.json and sys.stdin.isatty()
    if can_ask and agreed(session, session.text("init.local_ask", model=clean(first.model))):
        await asyncio.to_thread(use_local_server, file, first)
        session.say("init.local_used", model=clean(first.model), file=SETTINGS_FILE)
    else:
        session.say("init.local_lines", file=SETTINGS_FILE, lines=first.lines())
    return found
