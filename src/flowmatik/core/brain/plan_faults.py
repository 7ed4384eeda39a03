"""What keeps a plan from running, as its validation says it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that keeps a plan from running: in English, and as a code with values."""

    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})
    place: str = ""


def fault(text: str, code: str, **values: object) -> Fault:
    return Fault(text=text, code=f"plan.{code}", values=values)
