"""Tool calls that a model wrote in words instead of making them.

Models without native calls, and gateways that emulate them, write the call into the text. There is no
standard; these are the shapes of Hermes and Qwen (`<tool_call>`), Llama (`<function=…>`, bare JSON, Python),
Mistral (`[TOOL_CALLS]`), Gemma (`tool_code`) and of gateways that ask for JSON in a fence.

Only for models that are known to emulate calls: an answer of any other one may quote such a text.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.contracts.models import ToolCall, ToolSchema
from flowmatik.integrations.direct.json_text import arguments_in

LONGEST_CALL = 20_000  # characters of a call written in Python
DEEPEST_CALL = 20  # lists and objects around a call
# Each is linear in the text: models are known to go on with blanks for ever.
_TAGGED = re.compile(
    r"<(tool_call|function_call|toolcall)>(?P<body>.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE
)
_FUNCTION = re.compile(
    r"<function=(?P<name>[\w.-]+)>(?P<body>.*?)(?:</function>|\Z)", re.DOTALL | re.IGNORECASE
)
_PARAMETER = re.compile(r"<parameter=(?P<name>[\w.-]+)>(?P<value>.*?)</parameter>", re.DOTALL)
_PARAMETER_END = "</parameter>"
_BRACKETS = re.compile(r"\[TOOL_CALLS\]\s*+(?P<body>[\[{].*)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*+(?P<kind>[\w-]*+)[ \t]*+\n(?P<body>.*?)(?:```|\Z)", re.DOTALL)
_NAMED = re.compile(r'"(?:name|tool|function)"\s*:\s*"(?P<name>[^"]+)"')
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_PYTHON = ("python", "py", "tool_code")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    calls: list[tuple[str, str]]  # name, arguments as JSON or as they were written


def tool_calls_in_prose(text: str, tools: Sequence[ToolSchema]) -> tuple[str, tuple[ToolCall, ...]]:
    """What is left of `text`, and the calls in it, in order; only those of `tools`. Arguments that cannot be
    read are None, with their text in `raw`, as in a call that was really made. A text without any comes back
    as it is."""
    known = {tool.name: tool for tool in tools}
    if not known or not text.strip():
        return text, ()
    found: list[_Found] = []
    for finder in (_in_tags, _in_functions, _in_brackets, _in_fences, _bare, _in_lines):
        for one in finder(text, known):
            overlaps = any(one.start < other.end and other.start < one.end for other in found)
            if one.calls and not overlaps:
                found.append(one)
    if not found:
        return text, ()
    found.sort(key=lambda one: one.start)
    rest, at = "", 0
    for one in found:
        rest, at = rest + text[at : one.start], one.end
    calls = [call for one in found for call in one.calls]
    left = re.sub(r"\n{3,}", "\n\n", rest + text[at:]).strip()
    return left, tuple(_call(n, name, raw) for n, (name, raw) in enumerate(calls, start=1))


def _call(n: int, name: str, raw: str) -> ToolCall:
    arguments = arguments_in(raw)
    return ToolCall(id=f"prose_{n}", name=name, arguments=arguments, raw=raw if arguments is None else "")


def _in_tags(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    for match in _TAGGED.finditer(text):
        body = match["body"].strip()
        calls = _of_json(body, known)
        if not calls:
            calls = [call for one in _in_functions(body, known) for call in one.calls]
        if not calls and (named := _NAMED.search(body)) and (name := _known(named["name"], known)):
            calls = [(name, body)]  # unreadable, and meant all the same
        yield _Found(match.start(), match.end(), calls)


def _in_functions(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    for match in _FUNCTION.finditer(text):
        name, body = _known(match["name"], known), match["body"].strip()
        ended = body[: body.rfind(_PARAMETER_END) + len(_PARAMETER_END)]
        given = {one["name"]: _value(one["value"].strip()) for one in _PARAMETER.finditer(ended)}
        raw = json.dumps(given, ensure_ascii=False) if given else body
        yield _Found(match.start(), match.end(), [(name, raw)] if name else [])


def _in_brackets(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    if match := _BRACKETS.search(text):
        value, size = _decoded(match["body"])
        yield _Found(match.start(), match.start("body") + size, _calls_of(value, known))


def _in_fences(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    for match in _FENCE.finditer(text):
        python, body = match["kind"].lower() in _PYTHON, match["body"].strip()
        calls = _of_python(body, known) if python else _of_json(body, known)
        yield _Found(match.start(), match.end(), calls)


def _bare(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    """The whole text is the call, or several one below the other: JSON among words may be an answer."""
    at, calls = 0, list[tuple[str, str]]()
    stripped = text.strip().rstrip(";")
    while at < len(stripped):
        value, size = _decoded(stripped[at:])
        read = _calls_of(value, known)
        if not size or not read:
            return
        calls += read
        at += size
        at += len(stripped[at:]) - len(stripped[at:].lstrip(" \t\r\n;,"))
    yield _Found(0, len(text), calls)


def _in_lines(text: str, known: dict[str, ToolSchema]) -> Iterator[_Found]:
    at = 0
    for line in text.splitlines(keepends=True):
        yield _Found(at, at + len(line), _of_python(line, known))
        at += len(line)


def _of_json(text: str, known: dict[str, ToolSchema]) -> list[tuple[str, str]]:
    value, size = _decoded(text)
    return _calls_of(value, known) if size == len(text.strip()) else []


def _decoded(text: str) -> tuple[object, int]:
    """The JSON that `text` begins with, and its size; (None, 0) for anything else."""
    try:
        value, end = cast("tuple[object, int]", _DECODER.raw_decode(text))
    except (ValueError, RecursionError):
        return None, 0
    return value, end


def _calls_of(
    value: object, known: dict[str, ToolSchema], levels: int = DEEPEST_CALL
) -> list[tuple[str, str]]:
    """The calls that a JSON value is; none unless all of it is."""
    if levels == 0:
        return []
    if isinstance(value, list):
        each = [_calls_of(one, known, levels - 1) for one in cast("list[object]", value)]
        return [call for calls in each for call in calls] if all(each) else []
    if not isinstance(value, dict):
        return []
    fields = cast("dict[str, Any]", value)
    if isinstance(fields.get("tool_calls"), list):
        return _calls_of(fields["tool_calls"], known, levels - 1)
    if isinstance(fields.get("function"), dict):
        return _calls_of(fields["function"], known, levels - 1)
    named = next((fields[one] for one in ("name", "tool", "function") if one in fields), None)
    name = _known(named, known) if isinstance(named, str) else ""
    if not name:
        return []
    given: object = next((fields[one] for one in _ARGUMENTS if one in fields), None) or {}
    return [(name, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False))]


def _of_python(text: str, known: dict[str, ToolSchema]) -> list[tuple[str, str]]:
    """`f(a=1)`, or a list of such calls; nothing unless all of it is, with literals for arguments."""
    text = text.strip().strip("`").rstrip(";")
    if "(" not in text or len(text) > LONGEST_CALL or not any(name in text for name in known):
        return []
    try:
        body = ast.parse(text, mode="exec").body
        written = [one.value for one in body if isinstance(one, ast.Expr)]
        if len(written) != len(body):
            return []
        if len(written) == 1 and isinstance(written[0], ast.List):
            written = written[0].elts
        calls = [_of_call(one, known) for one in written]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return []
    return [call for call in calls if call is not None] if calls and None not in calls else []


def _of_call(node: ast.expr, known: dict[str, ToolSchema]) -> tuple[str, str] | None:
    """Raises ValueError or TypeError for arguments that are no literals, or no JSON."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        name = _known(ast.unparse(node.func), known)
        properties: dict[str, Any] = known[name].parameters.get("properties", {}) if name else {}
        if not name or len(node.args) > len(properties):
            return None
        given = {key: ast.literal_eval(one) for key, one in zip(properties, node.args, strict=False)}
        for one in node.keywords:
            if one.arg is None:
                return None
            given[one.arg] = ast.literal_eval(one.value)
        return name, json.dumps(given, ensure_ascii=False, allow_nan=False)
    return None


def _known(name: str, known: dict[str, ToolSchema]) -> str:
    """The tool that is meant, "" for none; some models put a namespace before it."""
    if name in known:
        return name
    last = name.rpartition(".")[2]
    return last if last in known else ""


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
