"""Tools with which agents work together within a run. The Brain answers them itself, from the run's state:
they touch nothing outside, and only agents call them."""

from flowmatik.contracts.tools import Effect, ToolSpec

ASK_AGENT, HAND_OVER = "ask_agent", "hand_over"
BOARD_READ, BOARD_WRITE = "board_read", "board_write"
PROPOSE_TASKS = "propose_tasks"
MOST_PROPOSED = 5  # tasks that one task may propose


def _tool(name: str, description: str, required: tuple[str, ...], **properties: object) -> ToolSpec:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(name=name, description=description, parameters=parameters, effect=Effect.READ)


_TEXT = {"type": "string"}
_PROPOSED = {
    "type": "object",
    "properties": {
        "objective": {"type": "string", "description": "self-contained, in the goal's language"},
        "skill": {"type": "string", "description": "a skill of some agent, such as documents"},
        "needs": {"type": "array", "items": _TEXT, "description": "ids of tasks whose results it gets"},
    },
    "required": ["objective", "skill"],
    "additionalProperties": False,
}

TEAM_TOOLS: dict[str, ToolSpec] = {
    spec.name: spec
    for spec in (
        _tool(
            ASK_AGENT,
            "Ask another agent to reach a goal, and get its answer. It sees nothing but the goal.",
            ("agent", "goal"),
            agent={"type": "string", "description": "its name"},
            goal={"type": "string", "description": "self-contained: what it is to find out or to do"},
        ),
        _tool(
            HAND_OVER,
            "Leave the task, with all that was said so far, to another agent, who goes on in your place.",
            ("agent",),
            agent={"type": "string", "description": "its name"},
            note={"type": "string", "description": "what it should know, in a sentence"},
        ),
        _tool(
            BOARD_READ,
            "Read the notes that tasks of this run share: that of a key, or all of them.",
            (),
            key={"type": "string", "description": "leave it out for all notes"},
        ),
        _tool(
            BOARD_WRITE,
            "Write a note for the other tasks of this run; it replaces what the key held.",
            ("key", "value"),
            key=_TEXT,
            value={"description": "text or JSON"},
        ),
        _tool(
            PROPOSE_TASKS,
            "Propose tasks that your task does not cover and that the goal needs, for others to do.",
            ("tasks",),
            tasks={"type": "array", "items": _PROPOSED, "minItems": 1, "maxItems": MOST_PROPOSED},
        ),
    )
}
"""By name."""
