"""For authors of skills: what a Python file under `skills/NAME/` of a home imports.

from flowmatik.skills import skill

@skill()
def greet(name: str) -> str:
    \"\"\"Greet somebody by name.\"\"\"
    return f"Hello, {name}!"
"""

from flowmatik.agents.skills.own.declared import skill
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.kernel.errors import ToolError as SkillError

__all__ = ["Effect", "Reconciled", "SkillError", "ToolContext", "skill"]
