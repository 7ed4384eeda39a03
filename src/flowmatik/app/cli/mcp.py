"""`flowmatik mcp …`: servers of tools, and what of them a person approved."""

import asyncio
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.tool_sources import effects_of, entry_of, local_settings, pairs_of
from flowmatik.app.cli.tool_terms import (
    GivenTerms,
    Labels,
    LabelsIn,
    Prices,
    Rates,
    Retries,
    Scopes,
    Timeouts,
)
from flowmatik.app.exit_codes import ExitCode
from flowmatik.app.settings import Settings
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from flowmatik.agents.mcp import Difference, Listed, McpServer, Pin

mcp_app = typer.Typer(help="help.mcp", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.mcp.name", metavar="NAME")]
Bearer = Annotated[
    str, typer.Option("--bearer", metavar="REFERENCE", help="help.mcp.bearer", show_default=False)
]


@mcp_app.command("add", help="help.mcp.add")
def add(
    context: typer.Context,
    name: Name,
    command: Annotated[
        list[str] | None, typer.Argument(help="help.mcp.command", metavar="[-- COMMAND…]", show_default=False)
    ] = None,
    address: Annotated[str, typer.Option(metavar="URL", help="help.mcp.address", show_default=False)] = "",
    env: Annotated[list[str] | None, typer.Option(metavar="NAME=REFERENCE", help="help.mcp.env")] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=REFERENCE", help="help.mcp.header")
    ] = None,
    connection: Annotated[str, typer.Option(help="help.tools.connection", show_default=False)] = "",
    workspace: Annotated[list[str] | None, typer.Option(help="help.tools.workspace")] = None,
    tool: Annotated[list[str] | None, typer.Option(help="help.mcp.tool")] = None,
    effect: Annotated[list[str] | None, typer.Option(metavar="TOOL=EFFECT", help="help.mcp.effect")] = None,
    timeout: Timeouts = None,
    retries: Retries = None,
    rate: Rates = None,
    scope: Scopes = None,
    label: Labels = None,
    label_in: LabelsIn = None,
    price: Prices = None,
    trust_annotations: Annotated[bool, typer.Option("--trust-annotations", help="help.mcp.trust")] = False,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="help.tools.private")] = False,
) -> None:
    session = session_of(context)
    terms = GivenTerms(
        timeouts=timeout,
        retries=retries,
        rates=rate,
        scopes=scope,
        labels=label,
        labels_in=label_in,
        prices=price,
    )
    entry = entry_of(
        command=command,
        url=address,
        env=pairs_of(env, "--env"),
        headers=pairs_of(header, "--header"),
        connection=connection,
        workspaces=workspace,
        tools=tool,
        effects=effects_of(effect),
        trust_annotations=trust_annotations,
        allow_private=allow_private,
    )
    _add(session, name, entry | terms.entry())


@mcp_app.command("list", help="help.mcp.list")
def list_servers(context: typer.Context) -> None:
    session = session_of(context)
    at = _Place.of(session)
    if session.json:
        items = [at.row(name, server) for name, server in at.servers.items()]
        session.print_json({"items": items, "next": None})
        return
    for name, server in at.servers.items():
        session.print(f"{name}  {server.url or ' '.join(server.command)}")
        pins = at.approved().get(name, {})
        for pin in pins.values():
            session.print(f"  {pin.tool}  {at.effect(server, pin)}")
        if not pins:
            session.print(session.text("mcp.unapproved", name=name))


@mcp_app.command("test", help="help.mcp.test")
def try_server(context: typer.Context, name: Name, bearer: Bearer = "") -> None:
    session = session_of(context)
    at = _Place.of(session)
    found = asyncio.run(at.look(name, bearer))
    differences = at.differences(name, found)
    if session.json:
        session.print_json({"name": name, "tools": [one.name for one in found], "ok": not differences})
    else:
        session.print(session.text("mcp.tested", name=name, count=len(found)))
        _say_differences(session, name, differences)


@mcp_app.command("diff", help="help.mcp.diff")
def diff(context: typer.Context, name: Name, bearer: Bearer = "") -> None:
    session = session_of(context)
    at = _Place.of(session)
    found = at.differences(name, asyncio.run(at.look(name, bearer)))
    if session.json:
        rows = [
            {"kind": one.kind, "tool": one.name, "fields": list(one.fields), "text": _difference(one)}
            for one in found
        ]
        session.print_json({"items": rows, "next": None})
    else:
        _say_differences(session, name, found)
    raise typer.Exit(ExitCode.FAILED if found else ExitCode.OK)


@mcp_app.command("approve", help="help.mcp.approve")
def approve(
    context: typer.Context,
    name: Name,
    tool: Annotated[list[str] | None, typer.Option(help="help.mcp.approve.tool")] = None,
    bearer: Bearer = "",
) -> None:
    session = session_of(context)
    at = _Place.of(session)
    kept = at.approve(name, asyncio.run(at.look(name, bearer)), tool or ())
    if session.json:
        session.print_json({"name": name, "tools": [pin.tool for pin in kept]})
        return
    for pin in kept:
        session.print(f"{pin.tool}  {at.effect(at.server(name), pin)}")
    session.say("mcp.approved", name=name, count=len(kept))


@mcp_app.command("remove", help="help.mcp.remove")
def remove(context: typer.Context, name: Name) -> None:
    from flowmatik.app.yaml_entries import remove_entry

    session = session_of(context)
    at = _Place.of(session)
    remove_entry(at.file, "servers", name)
    at.approved.keep({server: pins for server, pins in at.approved().items() if server != name})
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("mcp.removed", name=name)


def _add(session: Session, name: str, entry: Mapping[str, object]) -> None:
    from flowmatik.agents.mcp import McpServers
    from flowmatik.app.tool_files import checked
    from flowmatik.app.yaml_entries import add_entry

    at = _Place.of(session)
    checked(at.file, McpServers, {"servers": {name: dict(entry)}})
    add_entry(at.file, "servers", name, dict(entry))
    if session.json:
        session.print_json({"added": name, "file": str(at.file)})
    else:
        session.say("mcp.added", name=name, file=at.file)


class _Place:
    """The home's servers and what of them is approved."""

    def __init__(self, settings: Settings) -> None:
        from flowmatik.app.tool_files import approved_tools, mcp_servers, tools_folder

        self.settings = settings
        self.file: Path = tools_folder(settings) / "mcp.yaml"
        self.servers = mcp_servers(settings).servers
        self.approved = approved_tools(settings)

    @classmethod
    def of(cls, session: Session) -> "_Place":
        return cls(local_settings(session))

    def row(self, name: str, server: "McpServer") -> dict[str, object]:
        from flowmatik.agents.mcp import spec_of
        from flowmatik.agents.tool_terms import told

        specs = [(pin, spec_of(name, server, pin)) for pin in self.approved().get(name, {}).values()]
        return {
            "name": name,
            "at": server.url or " ".join(server.command),
            "workspaces": server.workspaces,
            "tools": [
                {
                    "name": pin.tool,
                    "effect": spec.effect.value,
                    "timeout": spec.timeout,
                    **told(spec),
                    "approved_at": pin.approved_at,
                }
                for pin, spec in specs
            ],
        }

    def server(self, name: str) -> "McpServer":
        if name not in self.servers:
            known = ", ".join(sorted(self.servers)) or "–"
            raise NotFound(
                f"there is no MCP server {name!r}; there is {known}",
                code="not_found.mcp",
                context={"name": name, "known": known},
            )
        return self.servers[name]

    async def look(self, name: str, bearer: str) -> "list[Listed]":
        """What the server offers now. `bearer` refers to a token where it wants to know who looks."""
        from flowmatik.agents.mcp import look_at
        from flowmatik.app.tool_files import secret_values
        from flowmatik.app.tools import mcp_runtime

        server = self.server(name)
        given = Given(secret_values(self.settings)(bearer)) if bearer else None
        runtime = mcp_runtime(self.settings, SystemClock(), given)
        try:
            return await look_at(runtime, name, server)
        finally:
            await runtime.close()

    def differences(self, name: str, found: "list[Listed]") -> "list[Difference]":
        from flowmatik.agents.mcp import differences

        return differences(self.approved().get(name, {}), found, self.server(name).tools)

    def approve(self, name: str, found: "list[Listed]", only: "list[str] | tuple[str, ...]") -> "list[Pin]":
        """Those named, all when nobody is; what is no longer there is forgotten with all."""
        from flowmatik.agents.mcp import pinned

        allowed = self.server(name).tools
        usable = [one for one in found if not one.fault and (not allowed or one.name in allowed)]
        self._check_terms(name, found)
        missing = sorted(set(only) - {one.name for one in usable})
        if missing:
            raise InvalidInput(
                f"{', '.join(missing)}: the server {name!r} does not offer that in a form that can be used",
                code="input.mcp.tool",
                context={"tools": ", ".join(missing), "name": name},
            )
        before = self.approved()
        kept = dict(before.get(name, {})) if only else {}
        known = {**before.get(name, {})}
        for one in usable:
            if not only or one.name in only:
                kept[one.name] = pinned(name, one, {**known, **kept}, at=SystemClock().now().isoformat())
        self.approved.keep({**before, name: kept})
        return list(kept.values())

    def _check_terms(self, name: str, found: "list[Listed]") -> None:
        """Raises InvalidInput where `per_tool` speaks of a tool that the server does not have."""
        names = [one.name for one in found]
        if strange := self.server(name).unknown(names):
            known = ", ".join(names) or "–"
            raise InvalidInput(
                f"tools/mcp.yaml: servers.{name}.per_tool: the server has no {strange[0]!r}; it has {known}",
                code="input.mcp.per_tool",
                context={"name": name, "tool": strange[0], "known": known},
            )

    def effect(self, server: "McpServer", pin: "Pin") -> str:
        from flowmatik.agents.mcp import effect_of

        return effect_of(server, pin).value


@dataclass(frozen=True, slots=True)
class Given:
    """Implements `Credentials` with one token that the operator names, to look at a server."""

    token: str

    async def headers(
        self, workspace_id: str, principal: str, name: str, *, refused: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def _say_differences(session: Session, name: str, found: "list[Difference]") -> None:
    for one in found:
        said = one.now.fault if one.now else ""
        session.print(session.text(f"mcp.diff.{one.kind}", tool=one.name, said=said))
        if text := _difference(one):
            session.print(text)
    if not found:
        session.print(session.text("mcp.same", name=name))


def _difference(one: "Difference") -> str:
    """What a person has to read before they approve: everything that a model would."""
    before = _described(one.before.description, one.before.schema) if one.before else []
    now = _described(one.now.description, one.now.schema) if one.now else []
    return "\n".join(difflib.unified_diff(before, now, "approved", "now", lineterm="", n=2))


def _described(description: str, schema: Mapping[str, object]) -> list[str]:
    return [*description.splitlines(), *json.dumps(schema, indent=2, ensure_ascii=False).splitlines()]
