"""What can be wrong with the models of a profile: several to choose from, and a cascade."""

from collections.abc import Iterator

from flowmatik.agents.profiles.faults import Told
from flowmatik.agents.profiles.model import Profile


def cascade_faults(profile: Profile) -> Iterator[tuple[list[int | str], Told]]:
    candidates = profile.candidates()
    for n, model in enumerate(candidates):
        if model in candidates[:n]:
            told = f"{model!r} stands twice; keep one"
            yield ["model", "candidates", n], (told, "cascade_twice", {"value": model})
    rule = profile.cascade
    if rule is None:
        return
    if candidates:
        told = "a cascade says which models are asked; name one model, or take the cascade out"
        yield ["model"], (told, "candidates_cascade", {})
        return
    for n, model in enumerate(rule.models):
        at: list[int | str] = ["cascade", "models", n]
        if model in rule.models[:n]:
            yield at, (f"{model!r} stands twice; keep one", "cascade_twice", {"value": model})
        if model == rule.strong:
            told = f"{model!r} is the strong model; name a cheaper one"
            yield at, (told, "cascade_strong", {"value": model})
    if profile.model not in ("default", rule.strong):
        told = f"the cascade's strong model is {rule.strong!r}; write that one, or leave model out"
        yield ["model"], (told, "cascade_model", {"strong": rule.strong})
    if len(rule.models) == 1 and not rule.verify:
        told = "one model has nobody to agree with; name two or three, or write verify: true"
        yield ["cascade", "models"], (told, "cascade_alone", {})
    if len(rule.models) == 1 and rule.agree is not None:
        told = "one model has nobody to agree with; take it out"
        yield ["cascade", "agree"], (told, "cascade_agree", {})
    if rule.verify and not profile.criteria and profile.output == "text":
        told = "there is nothing to verify; add criteria, or an output other than text"
        yield ["cascade", "verify"], (told, "cascade_unverified", {})
    if rule.agree == "tool_calls" and not (profile.tools or profile.delegates or profile.hand_over_to):
        told = "is about tool calls, and the agent has no tools; use exact, json or text"
        yield ["cascade", "agree"], (told, "cascade_tools", {})
    if rule.agree == "json" and profile.output == "text":
        told = "is for an output of JSON, and this one is text; use text or exact"
        yield ["cascade", "agree"], (told, "cascade_json", {})
