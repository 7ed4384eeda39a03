"""What an answer does not cover, said in the answer itself, in the language of the run."""

import re
from dataclasses import replace

from flowmatik.contracts.answers import Answer, MissingPart
from flowmatik.core.events import RunCreated

TEXTS = {
    "en": ("This answer is not complete. Without a result: {parts}.", "“{objective}” ({error})"),
    "es": ("Esta respuesta no está completa. Sin resultado: {parts}.", "«{objective}» ({error})"),
}
WHY = {
    "budget.exhausted": ("the budget is spent", "el presupuesto se ha agotado"),
    "run.deadline": ("the time was up", "se acabó el tiempo"),
    "verify.failed": ("what was found did not pass its checks", "lo encontrado no superó las comprobaciones"),
    "task.needs": ("something that it needs is missing", "falta algo que necesita"),
}
OTHER = ("it did not succeed", "no se consiguió")
SPANISH = re.compile(
    r"[¿¡ñ]|\b(el|la|los|las|qué|cuál|cuánto|cuántos|cuántas|quién|cómo|dónde|del|para|por|una?|con|según)\b",
    re.IGNORECASE,
)
LONGEST = 200


def speaks_spanish(created: RunCreated) -> bool:
    if created.language:
        return created.language == "es"
    return len(SPANISH.findall(created.goal)) >= 2


def with_gaps(answer: Answer, missing: tuple[MissingPart, ...], created: RunCreated) -> Answer:
    if not missing:
        return answer
    spanish = speaks_spanish(created)
    whole, part = TEXTS["es" if spanish else "en"]
    parts: list[str] = []
    for one in missing:
        error = WHY.get(one.code, OTHER)[1 if spanish else 0]
        parts.append(part.format(objective=one.objective[:LONGEST].rstrip(" ."), error=error))
    text = f"{answer.text}\n\n{whole.format(parts='; '.join(parts))}"
    return replace(answer, text=text.lstrip(), missing=missing)
