"""Tools called in words, in the shapes in which models and gateways without native calls write them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flowmatik.testing.model_server.steps import Step, ToolUse


def spoken(step: Step) -> Step:
    """The step as it stands unless its tools are to be called in prose: then they are part of its text."""
    if not step.prose or not step.tools:
        return step
    written = "\n".join(_SHAPES[step.prose](tool) for tool in step.tools)
    text = f"{step.text}\n{written}" if step.text else written
    return replace(step, text=text, tools=(), prose="")


def _named(tool: ToolUse, arguments: str = "arguments") -> str:
    """The arguments go in as they are, readable or not."""
    return f'{{"name": {json.dumps(tool.name)}, "{arguments}": {tool.arguments or "{}"}}}'


def _call(tool: ToolUse) -> str:
    """As in Python; arguments that are no object are left as they stand."""
    try:
        given: Any = json.loads(tool.arguments or "{}")
        inside = ", ".join(f"{name}={value!r}" for name, value in given.items())
    except (ValueError, AttributeError):
        inside = tool.arguments
    return f"{tool.name}({inside})"


_SHAPES: dict[str, Callable[[ToolUse], str]] = {
    "fence": lambda tool: f"```json\n{_named(tool)}\n```",
    "tag": lambda tool: f"<tool_call>\n{_named(tool)}\n</tool_call>",  # Hermes, Qwen
    "function_tag": lambda tool: f"<function={tool.name}>{tool.arguments}</function>",  # Llama 3.1
    "call": _call,
    "bare": lambda tool: _named(tool, "parameters"),  # Llama 3.2
    "brackets": lambda tool: f"[TOOL_CALLS][{_named(tool)}]",  # Mistral
}
