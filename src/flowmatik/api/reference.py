"""/docs: the API described in one page of our own. It asks for nothing from anywhere, so that it can be
read on a machine without a network, and runs no script."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from flowmatik.api.problems import language_of, titles

Schema = Mapping[str, Any]
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; }
pre { background: #8882; padding: 0.6rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.6rem; border-bottom: 1px solid #8884; }
section { border-top: 1px solid #8886; margin-top: 1.5rem; }
.method { font-weight: bold; text-transform: uppercase; margin-right: 0.5rem; }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
BODIES = {"application/json": "-H 'Content-Type: application/json' -d '{}'", "multipart/form-data": "-F {}"}
OPEN = ("/health", "/v1/auth/login", "/v1/hooks")
Row = tuple[str, ...]


def add_reference(app: FastAPI) -> None:
    # FastAPI remembers routes for good: one that held `app` would keep all of a closed platform in memory.
    @app.get("/docs", include_in_schema=False)
    async def reference(request: Request) -> HTMLResponse:
        language = language_of(request)
        headers = {"Content-Security-Policy": POLICY, "Vary": "Accept-Language"}
        return HTMLResponse(page(request.app.openapi(), language), headers=headers)

    del reference


def page(described: Schema, language: str) -> str:
    """The whole page for an OpenAPI description."""
    words = titles(language)
    info = described["info"]
    routes = [
        (path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    schemas: Mapping[str, Schema] = described.get("components", {}).get("schemas", {})
    index = "".join(
        f'<li><a href="#{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{_said(words, operation)}</li>"
        for path, method, operation in routes
    )
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{words['docs_intro']}</p>",
        f"<h2>{words['docs_routes']}</h2><ul>{index}</ul>",
        *(_route(words, schemas, *route) for route in routes),
        f"<h2>{words['docs_schemas']}</h2>",
        *(_schema(words, name, schema) for name, schema in schemas.items()),
    ]
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _said(words: Mapping[str, str], operation: Schema) -> str:
    return escape(words.get(f"docs_{operation['operationId']}", operation.get("summary", "")))


def _route(
    words: Mapping[str, str], schemas: Mapping[str, Schema], path: str, method: str, operation: Schema
) -> str:
    parameters = [
        (
            f"<code>{escape(one['name'])}</code>",
            words[f"docs_in_{one['in']}"],
            _type(one["schema"]),
            words["docs_yes"] if one.get("required") else "",
        )
        for one in operation.get("parameters", [])
    ]
    kind, body = _body(operation)
    answers = [
        (status, _type(_first(answer.get("content", {}))[1]) or escape(answer.get("description", "")))
        for status, answer in operation.get("responses", {}).items()
    ]
    heads = tuple(words[f"docs_{name}"] for name in ("name", "place", "type", "required"))
    return "".join([
        f'<section id="{escape(operation["operationId"])}"><h3><span class="method">{method}</span>'
        f"<code>{escape(path)}</code></h3><p>{_said(words, operation)}</p>",
        f'<p lang="en">{escape(operation["description"])}</p>' if operation.get("description") else "",
        _table(heads, parameters),
        f"<p>{words['docs_body']} <code>{kind}</code>: {_type(body)}</p>" if kind else "",
        _table((words["docs_status"], words["docs_answer"]), answers),
        f"<pre>{escape(_curl(path, method, operation, schemas))}</pre></section>",
    ])  # fmt: skip


def _schema(words: Mapping[str, str], name: str, schema: Schema) -> str:
    needed = schema.get("required", [])
    rows = [
        (f"<code>{escape(field)}</code>", _type(one), words["docs_yes"] if field in needed else "")
        for field, one in schema.get("properties", {}).items()
    ]
    values = ", ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", []))
    said = escape(schema.get("description", ""))
    return (
        f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3><p lang="en">{said}</p><p>{values}</p>'
        f"{_table((words['docs_name'], words['docs_type'], words['docs_required']), rows)}</section>"
    )


def _table(heads: Row, rows: list[Any]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{one}</th>" for one in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


def _type(schema: Schema) -> str:
    """What a value may be, in a word or a link."""
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"{_type(schema.get('items', {})) or 'any'}[]"
    limits = [f"{name} {json.dumps(schema[name])}" for name in LIMITS if name in schema]
    kind = str(schema.get("format") or schema.get("type") or ("any" if schema else ""))
    return escape(f"{kind} ({', '.join(limits)})" if limits else kind)


LIMITS = ("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "default")


def _first(content: Mapping[str, Schema]) -> tuple[str, Schema]:
    """The first media type that has a schema, and that schema."""
    for kind, one in content.items():
        if "schema" in one:
            return kind, one["schema"]
    return "", {}


def _body(operation: Schema) -> tuple[str, Schema]:
    return _first(operation.get("requestBody", {}).get("content", {}))


def _curl(path: str, method: str, operation: Schema, schemas: Mapping[str, Schema]) -> str:
    """A call to fill in; the address and the key come from the variables that the command line reads."""
    kind, body = _body(operation)
    verb = "" if method == "get" else f"-X {method.upper()} "
    words = [f'curl {verb}"$FLOWMATIK_URL{re.sub(r"{(.*?)}", _filled_in, path)}"']
    if not path.startswith(OPEN):
        words.append('-H "Authorization: Bearer $FLOWMATIK_API_KEY"')
    if kind:
        sample = (
            "files=@FILE"
            if kind.startswith("multipart")
            else json.dumps(_example(body, schemas), ensure_ascii=False)
        )
        words.append(BODIES[kind].format(sample) if kind in BODIES else f"-d '{sample}'")
    needed = [
        f"{one['name']}={one['name'].upper()}"
        for one in operation.get("parameters", [])
        if one["in"] == "query" and one.get("required")
    ]
    if needed:
        words += ["-G", *(f"--data-urlencode '{one}'" for one in needed)]
    return " \\\n  ".join(words)


def _filled_in(hole: re.Match[str]) -> str:
    return hole[1].upper()


def _example(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """The smallest value of that form: what is required, and no more."""
    if "$ref" in schema:
        return _example(schemas[str(schema["$ref"]).rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    match schema.get("type"):
        case "object":
            fields = cast("Mapping[str, Schema]", schema.get("properties", {}))
            return {name: _example(fields[name], schemas) for name in schema.get("required", [])}
        case "array":
            return [_example(schema.get("items", {}), schemas)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return "…"
