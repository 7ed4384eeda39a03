"""What the doctor has to say of tools of others: are the files right, is each MCP server as approved."""

import asyncio

from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import FlowmatikError


async def check_tools(settings: Settings) -> list[Finding]:
    """Starts or calls each server; nothing where the home names none."""
    if not await asyncio.to_thread((settings.home / "tools").is_dir):
        return []
    from flowmatik.app.tool_files import connection_kinds, mcp_servers
    from flowmatik.app.tools import known_apis

    try:
        servers = (await asyncio.to_thread(mcp_servers, settings)).servers
        await asyncio.to_thread(known_apis, settings)
        await asyncio.to_thread(connection_kinds, settings)
    except FlowmatikError as error:
        values = {"error": _said(error)}
        return [
            Finding(
                check="tools", ok=False, detail="doctor.tools.failed", mend="doctor.tools.mend", values=values
            )
        ]
    return list(await asyncio.gather(*(check_server(settings, name) for name in servers)))


async def check_server(settings: Settings, name: str) -> Finding:
    from flowmatik.agents.mcp import differences, look_at
    from flowmatik.app.tool_files import approved_tools, mcp_servers
    from flowmatik.app.tools import mcp_runtime

    server = mcp_servers(settings).servers[name]
    runtime = mcp_runtime(settings, SystemClock(), None)
    try:
        found = await look_at(runtime, name, server)
    except FlowmatikError as error:
        return Finding(
            check="mcp",
            ok=False,
            detail="doctor.mcp.unreachable",
            mend="doctor.mcp.unreachable_mend",
            values={"name": name, "error": _said(error)},
        )
    finally:
        await runtime.close()
    pins = approved_tools(settings)().get(name, {})
    other = [one.name for one in differences(pins, found, server.tools) if one.kind in ("changed", "gone")]
    if not other:
        values = {"name": name, "count": len(pins)}
        return Finding(check="mcp", ok=True, detail="doctor.mcp.same", values=values)
    return Finding(
        check="mcp",
        ok=False,
        detail="doctor.mcp.changed",
        mend="doctor.mcp.changed_mend",
        values={"name": name, "tools": ", ".join(other)},
    )


def _said(error: FlowmatikError) -> dict[str, object]:
    return {"code": error.code, "values": error.context, "text": error.message}
