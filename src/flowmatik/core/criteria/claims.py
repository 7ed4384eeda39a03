"""What a text claims to have been done, in English and Spanish: "I have sent", "se ha enviado", "email sent".

Only perfect and past forms of who speaks, or without one, are claims; what will be done, should be, could not
be, or was done by others, is none. Sentences that cite say what documents say."""

import re
from functools import lru_cache

from flowmatik.contracts.criteria import Action, Claim
from flowmatik.core.reading.sentences import sentences_of
from flowmatik.core.reading.words import folded

# English participles; Spanish stems of participles, first persons, and what follows "se".
_EN: dict[Action, str] = {
    "sent": "sent|emailed|e-mailed|mailed|forwarded|delivered|notified",
    "created": "created|opened|added|registered|generated",
    "updated": "updated|changed|modified|edited",
    "deleted": "deleted|removed|cancelled|canceled",
    "booked": "booked|reserved|scheduled",
    "paid": "paid|charged|refunded|transferred|ordered",
    "published": "published|posted|uploaded|shared",
    "called": "called|phoned|telephoned",
}
_ES: dict[Action, tuple[str, str, str]] = {
    "sent": (
        "enviad|mandad|remitid|notificad|reenviad",
        "envie|mande|remiti|notifique|reenvie|enviamos|mandamos|remitimos|notificamos",
        "envio|enviaron|mando|mandaron|remitio|remitieron|notifico|notificaron",
    ),
    "created": (
        "cread|abiert|anadid|registrad|generad|dad[oa]s? de alta|dad",
        "cree|abri|anadi|registre|genere|creamos|abrimos|anadimos|registramos|generamos",
        "creo|crearon|abrio|abrieron|anadio|anadieron|registro|registraron|genero|generaron",
    ),
    "updated": (
        "actualizad|modificad|cambiad|editad",
        "actualice|modifique|cambie|edite|actualizamos|modificamos|cambiamos|editamos",
        "actualizo|actualizaron|modifico|modificaron|cambio|cambiaron|edito|editaron",
    ),
    "deleted": (
        "borrad|eliminad|suprimid|cancelad|anulad",
        "borre|elimine|suprimi|cancele|anule|borramos|eliminamos|cancelamos|anulamos",
        "borro|borraron|elimino|eliminaron|suprimio|cancelo|cancelaron|anulo|anularon",
    ),
    "booked": (
        "reservad|programad|agendad|concertad",
        "reserve|programe|agende|concerte|reservamos|programamos|agendamos|concertamos",
        "reservo|reservaron|programo|programaron|agendo|agendaron|concerto|concertaron",
    ),
    "paid": (
        "pagad|abonad|cobrad|reembolsad|transferid|devuelt|pedid",
        "pague|abone|cobre|reembolse|transferi|pagamos|abonamos|cobramos|reembolsamos|transferimos",
        "pago|pagaron|abono|abonaron|cobro|cobraron|reembolso|reembolsaron|transfirio|transfirieron",
    ),
    "published": (
        "publicad|subid|compartid|colgad",
        "publique|subi|comparti|colgue|publicamos|subimos|compartimos|colgamos",
        "publico|publicaron|subio|subieron|compartio|compartieron|colgo|colgaron",
    ),
    "called": (
        "llamad|telefonead",
        "llame|telefonee|llamamos|telefoneamos",
        "llamo|llamaron|telefoneo|telefonearon",
    ),
}
_ADVERB = r"(?:(?:already|just|now|successfully|also|both|ya|tambien|correctamente)\s+)*"
_SHORT = (  # what may stand before "sent" in "Second email sent"
    r"(?:(?!(?:to|be|being|is|are|by|who|which|will|get|gets|that|que|se|ser|sera|seran|sea|sean|es|son|por)\b)"
    r"[\w-]+\s+){0,3}"
)
_NOT = re.compile(
    r"\b(?:not|never|nobody|nothing|cannot|unable|failed|no|nunca|nada|nadie|sin|tampoco)\b|n['’]t\b"
)
_UNREAL = re.compile(
    r"\b(?:if|when|once|unless|until|after|before|whether|would|could|should|si|cuando|hasta|antes|despues)\b"
)
_BREAK = re.compile(r"[,;:()]|\b(?:and|but|so|then|y|e|pero|aunque|luego)\b")
_REACH = 60  # characters before a claim in which what negates it may stand


def claimed(text: str, claim: Claim) -> str:
    """The words by which `text` claims it; "" when it does not."""
    form = _form(claim.action, claim.words)
    for sentence in sentences_of(text):
        if sentence.marks or sentence.text.endswith("?"):
            continue
        flat = folded(sentence.text)
        for match in form.finditer(flat):
            before = _BREAK.split(flat[max(0, match.start() - _REACH) : match.start()])[-1]
            around = before + " " + match[0]
            if not _NOT.search(around) and not _UNREAL.search(before):
                return sentence.text[match.start() : match.end()].strip()
    return ""


@lru_cache(maxsize=256)
def _form(action: Action, words: tuple[str, ...]) -> re.Pattern[str]:
    en = _EN[action]
    stems, first, others = _ES[action]
    es = rf"(?:{stems})(?:[oa]s?)?"
    ways = [
        rf"\b(?:i|we)(?:\s+have|['’]ve|\s+did)?\s+{_ADVERB}(?:{en})\b",
        rf"\b(?:has|have)\s+{_ADVERB}been\s+{_ADVERB}(?:{en})\b",
        rf"\b(?:was|were)\s+{_ADVERB}(?:{en})\b",
        rf"^\W*(?:done[,:.!]?\s+)?(?:the\s+|your\s+)?{_SHORT}(?:{en})(?=\W*$|\s+(?:to|the|a|an|it|successfully|at|on|for)\b)",
        rf"\b(?:he|hemos)\s+{_ADVERB}{es}\b",
        rf"\b(?:(?:se|te|le|les|os|lo|la|los|las)\s+)*(?:he|hemos|ha|han)\s+{_ADVERB}(?:sido\s+)?{es}\b",
        rf"\b(?:fue|fueron)\s+{_ADVERB}{es}\b",
        rf"\bse\s+(?:(?:le|les|te|os|lo|la)\s+)?(?:{others})\b",
        rf"(?<!\bque\s)\b(?:{first})\b",
        rf"^\W*(?:hecho[,:.!]?\s+)?(?:(?:el|la|los|las|tu|su)\s+)?{_SHORT}{es}(?=\W*$|\s+(?:a|al|el|la|los|las|un|una|con|correctamente|para)\b)",
    ]
    if words:
        ways.append(r"\b(?:" + "|".join(re.escape(folded(" ".join(one.split()))) for one in words) + r")\b")
    return re.compile("|".join(f"(?:{way})" for way in ways))
