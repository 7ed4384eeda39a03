"""`flowmatik openapi …`: APIs whose operations are tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.cli.tool_sources import effects_of, entry_of, local_settings
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
from flowmatik.kernel.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from flowmatik.agents.openapi import Api, Operation, OperationFault

openapi_app = typer.Typer(help="help.openapi", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="help.openapi.name", metavar="NAME")]
SECONDS = 30.0
MOST_BYTES = 10_000_000


@openapi_app.command("add", help="help.openapi.add")
def add(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="help.openapi.document", metavar="FILE|ADDRESS")],
    name: Annotated[str, typer.Option(help="help.openapi.name")],
    base_url: Annotated[
        str, typer.Option(metavar="ADDRESS", help="help.openapi.base", show_default=False)
    ] = "",
    connection: Annotated[str, typer.Option(help="help.tools.connection", show_default=False)] = "",
    workspace: Annotated[list[str] | None, typer.Option(help="help.tools.workspace")] = None,
    operation: Annotated[list[str] | None, typer.Option(help="help.openapi.operation")] = None,
    effect: Annotated[
        list[str] | None, typer.Option(metavar="OPERATION=EFFECT", help="help.openapi.effect")
    ] = None,
    timeout: Timeouts = None,
    retries: Retries = None,
    rate: Rates = None,
    scope: Scopes = None,
    label: Labels = None,
    label_in: LabelsIn = None,
    price: Prices = None,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="help.tools.private")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="help.openapi.partial")] = False,
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
        base_url=base_url,
        connection=connection,
        workspaces=workspace,
        operations=operation,
        effects=effects_of(effect),
        allow_private=allow_private,
    )
    _add(session, document, name, entry | terms.entry(), partial=partial)


@openapi_app.command("list", help="help.openapi.list")
def list_apis(context: typer.Context) -> None:
    session = session_of(context)
    found = _apis(session)
    rows = [{"name": api.name, "base_url": api.base_url, "operations": len(_used(api))} for api in found]
    if session.json:
        session.print_json({"items": rows, "next": None})
        return
    for row in rows:
        session.print(f"{row['name']}  {row['base_url']}  {row['operations']}")


@openapi_app.command("show", help="help.openapi.show")
def show(context: typer.Context, name: Name) -> None:
    from flowmatik.agents.openapi import spec_of
    from flowmatik.agents.tool_terms import told

    session = session_of(context)
    api = next((api for api in _apis(session) if api.name == name), None)
    if api is None:
        raise NotFound(f"there is no API {name!r}", code="not_found.openapi", context={"name": name})
    rows = [
        {
            "tool": one.tool,
            "operation": one.id,
            "method": one.method.upper(),
            "path": one.path,
            "effect": one.effect.value,
            "timeout": (spec := spec_of(api, one)).timeout,
            **told(spec),
            "description": one.description,
            "parameters": one.schema,
        }
        for one in _used(api)
    ]
    if session.json:
        session.print_json({"name": api.name, "base_url": api.base_url, "tools": rows})
        return
    for row in rows:
        session.print(f"{row['tool']}  {row['effect']}  {row['method']} {row['path']}")


@openapi_app.command("remove", help="help.openapi.remove")
def remove(context: typer.Context, name: Name) -> None:
    from flowmatik.app.tool_files import open_apis, tools_folder
    from flowmatik.app.yaml_entries import remove_entry

    session = session_of(context)
    settings = local_settings(session)
    apis = open_apis(settings).apis
    folder = tools_folder(settings)
    remove_entry(folder / "openapi.yaml", "apis", name)
    document = apis[name].document
    if document not in {api.document for other, api in apis.items() if other != name}:
        (folder / document).unlink(missing_ok=True)
    if session.json:
        session.print_json({"removed": name})
    else:
        session.say("openapi.removed", name=name)


def _add(session: Session, source: str, name: str, entry: dict[str, object], *, partial: bool) -> None:
    from flowmatik.agents.openapi import OpenApis, operations_of, read_document
    from flowmatik.app.private_file import write_private
    from flowmatik.app.tool_files import checked, tools_folder
    from flowmatik.app.tools import check_operations
    from flowmatik.app.yaml_entries import add_entry

    folder = tools_folder(local_settings(session))
    text = _text(source)
    document = read_document(text, source)
    suffix = "json" if text.lstrip()[:1] == "{" else "yaml"
    entry = {"document": f"openapi/{name}.{suffix}", **entry}
    api = checked(folder / "openapi.yaml", OpenApis, {"apis": {name: entry}}).apis[name]
    found, faults = operations_of(document, name, api)
    rows = [_row(one) for one in faults]
    if (faults and not partial) or not found:
        lines = "\n".join(one.line() for one in faults) or "it has no operations"
        raise InvalidInput(
            f"{source}: {lines}", code="input.openapi.operations", context={"file": source, "details": rows}
        )
    if not (api.base_url or document.base_url):
        raise InvalidInput(
            f"{source} names no server that can be called; give --base-url",
            code="input.openapi.base",
            context={"file": source},
        )
    check_operations(name, api, found)
    add_entry(folder / "openapi.yaml", "apis", name, entry)
    write_private(folder / api.document, text)
    if session.json:
        session.print_json({"added": name, "tools": [one.tool for one in found], "faults": rows})
        return
    for one in found:
        session.print(f"{one.tool}  {one.effect.value}")
    session.say("openapi.added", name=name, count=len(found), left=len(faults))


def _row(fault: "OperationFault") -> dict[str, object]:
    return {
        "place": fault.place,
        "code": "field.other",
        "values": {"said": fault.said},
        "text": fault.said,
    }


def _text(source: str) -> str:
    """Of a file, or an address, as it is now: what is kept is a copy."""
    if source.startswith(("http://", "https://")):
        return _fetched(source)
    try:
        return Path(source).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InvalidInput(
            f"{source}: {said}", code="input.openapi", context={"place": source, "said": said, "file": source}
        ) from error


def _fetched(url: str) -> str:
    """The person at the keyboard gave the address, so it may lie anywhere that they can reach."""
    import httpx

    try:
        with (
            httpx.Client(timeout=SECONDS, follow_redirects=True, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    break
            return body.decode("utf-8", "replace")
    except httpx.HTTPError as error:
        said = (
            f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else str(error)
        )
        raise Unavailable(
            f"the document {url!r} cannot be fetched ({said})",
            code="unavailable.openapi",
            context={"url": url, "said": said},
        ) from error


def _apis(session: Session) -> "list[Api]":
    from flowmatik.app.tools import known_apis

    return known_apis(local_settings(session))


def _used(api: "Api") -> "list[Operation]":
    only = api.settings.operations
    return [one for one in api.operations if not only or one.id in only]
