"""What people say of themselves, in Spanish and English, as rules: how a clause begins, and what follows.

A rule is tried at the beginning of a clause alone: what stands in a question, a condition or somebody else's
mouth says nothing of the one who writes."""

import re
from dataclasses import dataclass

_NAME = r"(?P<v>[^\W\d_a-z][\w'’.-]*(?: (?:de|del|la|las|los|y|van|von|da|dos)\b| [^\W\d_a-z][\w'’.-]*){0,4})"
_EMAIL = r"(?P<v>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
_PHONE = r"(?P<v>\+?[\d() .-]{7,20}\d)"
_REST = r"(?P<v>.+)"


@dataclass(frozen=True, slots=True)
class Rule:
    """`ends`: it is said to hold no longer. `of` is the subject; `kind` is how the value is read."""

    predicate: str
    form: re.Pattern[str]
    importance: int = 500
    ends: bool = False
    kind: str = "text"
    of: str = "user"


def _rule(
    predicate: str,
    form: str,
    importance: float = 0.5,
    *,
    ends: bool = False,
    kind: str = "text",
    of: str = "user",
) -> Rule:
    return Rule(predicate, re.compile(form, re.IGNORECASE), round(importance * 1000), ends, kind, of)


def _name(form: str) -> Rule:
    """Case counts in the name alone: what follows it in small letters is no part."""
    return Rule("name", re.compile(rf"(?i:{form}) {_NAME}"), 900, False, "name")


ENGLISH = (
    _name(r"(?:my (?:full )?name(?: is|'s)|(?:you can |please )?call me|i(?:'m| am) called)"),
    _rule("email", rf"my (?:e-?mail|mail)(?: address)?(?: is|'s|:) {_EMAIL}", 0.8),
    _rule("phone", rf"my (?:(?:tele)?phone|mobile|cell)(?: number)?(?: is|'s|:) {_PHONE}", 0.8),
    _rule("birthday", rf"(?:my birthday(?: is|'s)|i was born)(?: on)? {_REST}", 0.7, kind="date"),
    _rule(
        "language", rf"(?:please )?(?:answer|reply|write|speak)(?: to)?(?: me)?(?: always)? in {_REST}", 0.9
    ),
    _rule("lives_in", rf"i no longer live in {_REST}", ends=True),
    _rule("lives_in", rf"i (?:don't|do not) live in {_REST} any ?more", ends=True),
    _rule("lives_in", rf"i (?:now |currently )?live in {_REST}", 0.7, kind="since"),
    _rule("lives_in", rf"i(?:'ve| have)?(?: just)? moved to {_REST}", 0.7, kind="since"),
    _rule("works_at", rf"i no longer work (?:at|for) {_REST}", ends=True),
    _rule("works_at", rf"i (?:don't|do not) work (?:at|for) {_REST} any ?more", ends=True),
    _rule("works_at", rf"i (?:now |currently )?work (?:at|for) {_REST}", 0.7, kind="since"),
    _rule("job", rf"i work as (?:an? )?{_REST}", 0.7),
    _rule("allergic_to", rf"i(?:'m| am) allergic to {_REST}", 0.95),
    _rule("likes", rf"i no longer (?:like|love|enjoy) {_REST}", ends=True),
    _rule("likes", rf"i (?:don't|do not) (?:like|love|enjoy) {_REST} any ?more", ends=True),
    _rule("dislikes", rf"i (?:(?:really )?(?:hate|dislike)|(?:don't|do not) (?:really )?like) {_REST}"),
    _rule("likes", rf"i (?:really |also )?(?:like|love|enjoy) {_REST}"),
    _rule("prefers", rf"i no longer prefer {_REST}", ends=True),
    _rule("prefers", rf"i(?:'d| would)? (?:always )?prefer {_REST}", 0.7),
    _rule("uses", rf"(?P<we>i|we) no longer use {_REST}", ends=True),
    _rule("uses", rf"(?P<we>i|we) (?:don't|do not) use {_REST} any ?more", ends=True),
    _rule("uses", rf"(?P<we>i|we) (?:now |always )?use {_REST}", 0.6),
    _rule("speaks", rf"i speak {_REST}"),
    _rule(
        "note",
        rf"(?:please )?(?:remember|don't forget|keep in mind|note)(?: that|:) {_REST}",
        0.8,
        kind="note",
    ),
)
SPANISH = (
    _rule("name", r"me llamo (?P<v>[^\W\d_]+)[ .!]*$", 0.9),
    _name(r"(?:me llamo|mi nombre es|ll[aá]mame|(?:me )?puedes llamarme|soy conocid[oa] como)"),
    _rule("email", rf"mi (?:correo(?: electr[oó]nico)?|e-?mail|mail)(?: es|:) {_EMAIL}", 0.8),
    _rule("phone", r"mi (?:n[uú]mero(?: de tel[eé]fono)?|tel[eé]fono|m[oó]vil|celular)"
                   rf"(?: es(?: el)?|:) {_PHONE}", 0.8),
    _rule("birthday", rf"(?:mi cumplea[ñn]os es|cumplo a[ñn]os|nac[ií])(?: el)? {_REST}", 0.7, kind="date"),
    _rule("language", r"(?:por favor,? )?(?:resp[oó]ndeme|cont[eé]stame|responde|contesta|h[aá]blame|"
                      rf"escr[ií]beme)(?: siempre)? en {_REST}", 0.9),
    _rule("lives_in", rf"ya no vivo en {_REST}", ends=True),
    _rule("lives_in", rf"(?:ahora |actualmente )?vivo en {_REST}", 0.7, kind="since"),
    _rule("lives_in", rf"(?:me he mudado|me mud[eé]|me acabo de mudar) a {_REST}", 0.7, kind="since"),
    _rule("works_at", rf"ya no trabajo (?:en|para) {_REST}", ends=True),
    _rule("job", rf"trabajo (?:de|como) {_REST}", 0.7),
    _rule("works_at", rf"(?:ahora |actualmente )?trabajo (?:en|para) {_REST}", 0.7, kind="since"),
    _rule("allergic_to", rf"(?:soy al[eé]rgic[oa] al?|tengo alergia al?) {_REST}", 0.95),
    _rule("likes", rf"ya no me (?:gustan?|encantan?) {_REST}", ends=True),
    _rule("dislikes", rf"(?:no me gustan?|odio|detesto) {_REST}"),
    _rule("likes", rf"(?:tambi[eé]n )?(?:me (?:gustan?|encantan?)(?: mucho)?|adoro) {_REST}"),
    _rule("prefers", rf"ya no prefiero {_REST}", ends=True),
    _rule("prefers", rf"(?:siempre )?(?:prefiero|preferir[ií]a) {_REST}", 0.7),
    _rule("uses", rf"ya no (?:uso|utilizo) {_REST}", ends=True),
    _rule("uses", rf"ya no (?:usamos|utilizamos) {_REST}", ends=True, of="we"),
    _rule("uses", rf"(?:ahora |siempre )?(?:uso|utilizo) {_REST}", 0.6),
    _rule("uses", rf"(?:ahora |siempre )?(?:nosotros )?(?:usamos|utilizamos) {_REST}", 0.6, of="we"),
    _rule("speaks", rf"hablo {_REST}"),
    _rule("note", r"(?:por favor,? )?(?:recuerda|acu[eé]rdate de|ten en cuenta|no olvides|apunta|anota)"
                  rf"(?: que|:) {_REST}", 0.8, kind="note"),
)  # fmt: skip
# What may stand before a clause. The second group says that something said before was wrong.
LEADS = re.compile(
    r"(?:(?:hi|hello|hey|hola|buenas|buenos d[ií]as|well|so|also|and|but|by the way|please note|pues|bueno|"
    r"adem[aá]s|y|pero|por cierto|ok|okay|vale|oye)[,:!]? +)*"
    r"(?P<wrong>(?:(?:actually|in fact|correction|sorry|no(?=[,:])|i meant?(?: to say)?|en realidad|"
    r"perd[oó]n|correcci[oó]n|corrijo|mejor dicho|quise decir)(?: que)?[,:]? +)*)",
    re.IGNORECASE,
)
