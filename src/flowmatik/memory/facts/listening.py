"""Facts in what a person writes, by rule: pure, local, and rather too few than wrong ones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flowmatik.memory.facts.dates import first_day, iso_date
from flowmatik.memory.facts.keys import key_of
from flowmatik.memory.facts.rules import ENGLISH, LEADS, SPANISH, Rule

MOST = 12  # facts of one message
MOST_CHARACTERS = 10_000
MOST_WORDS = 12  # of a value that is no note
_SENTENCE = re.compile(r"(?<=[.!?…;])\s+|\n+")
_CLAUSE = re.compile(
    r",?\s+(?:and|but|y|e|pero)\s+(?=(?:i|i'm|i've|my|we|me|mi|vivo|trabajo|prefiero|uso|usamos|hablo|"
    r"ya no|no me|also|tambi[eé]n)\b)",
    re.IGNORECASE,
)
_SINCE = re.compile(r"^(?P<v>.+?),? (?:since|from|desde(?: el)?) (?P<when>.+)$", re.IGNORECASE)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`]*`|^\s*>.*$", re.DOTALL | re.MULTILINE)
_ASIDE = re.compile(
    r"\s+(?:because|so that|since i|porque|ya que|para que|pero|but|though|aunque)\b.*$", re.IGNORECASE
)
_POINTING = frozenset(
    {"it", "that", "this", "them", "these", "those", "him", "her", "you", "one"}
    | {"eso", "esto", "lo", "ese", "esa", "este", "esta", "estos", "estas", "ello", "ti", "usted"}
)
_UNSAYING = re.compile(r"^(?:to know|not to|no \w+r\b|saber|que |if|si |when|cuando)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """`ends`: it is said to hold no longer. `corrects`: what was said of it before was wrong. `since`: a
    date, or "" for now."""

    subject: str
    predicate: str
    value: str
    quote: str
    importance: float
    since: str = ""
    ends: bool = False
    corrects: bool = False


def heard(text: str, *, language: str = "") -> tuple[Heard, ...]:
    """What `text` says of the one who wrote it. `language` decides between the orders of a date's digits."""
    plain = _CODE.sub(" ", text[:MOST_CHARACTERS])
    found: list[Heard] = []
    for sentence in _SENTENCE.split(plain):
        if sentence.rstrip().endswith("?") or sentence.lstrip().startswith("¿"):
            continue
        for clause in _CLAUSE.split(" ".join(sentence.split())):
            found += _clause(clause, language)
    unique = {(one.predicate, key_of(one.value), one.ends): one for one in found}
    return tuple(unique.values())[:MOST]


def _clause(clause: str, language: str) -> Iterator[Heard]:
    lead = LEADS.match(clause)
    said = clause[lead.end() :] if lead else clause
    wrong = bool(lead and lead["wrong"])
    for rules, code in ((SPANISH, "es"), (ENGLISH, "en")):
        for rule in rules:
            match = rule.form.match(said)
            if match is None:
                continue
            if (one := _read(rule, match, language or code, clause, wrong=wrong)) is not None:
                yield one
            return


def _read(rule: Rule, match: re.Match[str], language: str, clause: str, *, wrong: bool) -> Heard | None:
    value, since = match["v"].strip(), ""
    if rule.kind == "since" and (when := _SINCE.match(value.rstrip(" .!;,"))) is not None:
        since = first_day(iso_date(when["when"], language=language))
        value = when["v"] if since else value
    value = value.strip(" .!;,:…\"'“”«»")
    if rule.kind == "date":
        value = iso_date(value, language=language)
    elif rule.kind != "note":
        value = _ASIDE.sub("", value).strip(" .,;")
    if not _says_something(value, rule):
        return None
    of = rule.of
    if "we" in match.re.groupindex and match["we"].casefold() == "we":
        of = "we"
    return Heard(
        subject=of,
        predicate=rule.predicate,
        value=value,
        quote=clause[:300],
        importance=rule.importance / 1000,
        since=since,
        ends=rule.ends,
        corrects=wrong,
    )


def _says_something(value: str, rule: Rule) -> bool:
    key = key_of(value)
    if not key or key in _POINTING or _UNSAYING.match(value):
        return False
    return rule.kind == "note" or len(key.split()) <= MOST_WORDS
