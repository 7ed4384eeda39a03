"""What stands for something large, as models are shown it."""

from typing import Any

from flowmatik.contracts.blobs import reference_in
from flowmatik.core.brain.gates import BLOBS
from flowmatik.core.events import RunCreated

NOTES = {
    "en": "This is only the beginning of a result of {bytes} bytes; the rest was put away.",
    "es": "Esto es solo el comienzo de un resultado de {bytes} bytes; el resto se guardó aparte.",
}


def shown(value: Any, created: RunCreated) -> Any:
    """`value`, or how it begins, with a sentence that says so, in the language of the run."""
    body = reference_in(value)
    if body is None or created.decision_version < BLOBS:
        return value
    note = NOTES["es" if created.language == "es" else "en"].format(bytes=body["bytes"])
    return {"preview": body.get("preview", ""), "note": note}
