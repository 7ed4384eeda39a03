"""What is not remembered of what people say: secrets never, special categories of data and numbers of
identity only where the workspace says so."""

import re
from collections.abc import Callable, Sequence

from flowmatik.contracts.facts import FactPolicy
from flowmatik.memory.language import fold

Spans = Callable[[str], Sequence[tuple[int, int, str]]]
USUAL = frozenset({"email", "phone"})  # kinds of personal data that are always remembered
# Regulation (EU) 2016/679, article 9: beginnings of words, folded, Spanish and English.
_SPECIAL = re.compile(
    r"\b(?:"
    # health
    r"diabet|cancer|tumou?r|vih\b|hiv\b|sida\b|aids\b|depresi|depress|ansiedad|anxiety|bipolar|esquizo|schizo|"
    r"epilep|asma\b|asthma|alergi|allerg|embaraz|pregnan|enferm|illness|disease|diagnos|discapac|disab|"
    r"medicaci|medicat|medicamento|insulin|quimio|chemo|terapia|therap|psiqui|psych|autis|tdah\b|adhd\b|"
    r"minusval|celia[ck]|coeliac|hipertens|hypertens|operaron|surgery|cirugia|"
    # belief, politics and unions
    r"catolic|cathol|cristian|christian|musulm|muslim|islam|judi[oa]|jewish|judaism|budis|buddh|hindu|ateo\b|"
    r"atea\b|atheis|protestant|evangelic|testigo de jehova|vot[oeé] (?:a|al|por)\b|vote for|voted|militante|"
    r"partido politico|political party|socialist|comunist|communist|conservador|sindica|trade union|"
    r"labou?r union|union member|"
    # sex life and origin
    r"gay\b|lesbian|bisex|homosex|heterosex|transg|transex|queer|orientacion sexual|sexual orientation|"
    r"gitan|romani\b|raza\b|etnia|ethnic|indigena"
    r")"
)


class Screening:
    """`secrets` and `personal` find such things in a text, with their kinds."""

    def __init__(self, secrets: Spans, personal: Spans) -> None:
        self._secrets = secrets
        self._personal = personal

    def secret(self, *texts: str) -> bool:
        return any(self._secrets(text) for text in texts)

    def refuses(self, policy: FactPolicy, *texts: str) -> str:
        """Why it is not remembered: `secret`, `special` or `personal`; "" when it is."""
        if self.secret(*texts):
            return "secret"
        if not policy.special and any(_SPECIAL.search(fold(text)) for text in texts):
            return "special"
        if not policy.personal and any(
            kind not in USUAL for text in texts for _, _, kind in self._personal(text)
        ):
            return "personal"
        return ""


def nothing(text: str) -> Sequence[tuple[int, int, str]]:
    del text
    return ()
