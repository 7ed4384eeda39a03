"""Capitalised phrases in Spanish and English: where they begin, where they end, and their parts."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowmatik.memory.language import STOP_WORDS, fold, word_set

_TOKEN = re.compile(r"\b(?:[A-Z]\.){2,}|\b([A-Z])\1\.\s?([A-Z])\2\.|[^\W_]+(?:[-'’·][^\W_]+)*|&")
_STOPS = frozenset(fold(word) for words in STOP_WORDS.values() for word in words)
_OPENERS = _STOPS | word_set("""
    however although though thus hence moreover furthermore nevertheless meanwhile later earlier today
    yesterday tomorrow often sometimes usually finally next many several few since within without upon
    like unlike despite according given yes no
    please note see use let also around among along across near every each another both either neither
    name which whose whom list tell give find how ever never still until towards toward together perhaps
    sin embargo ademas asimismo aunque segun mediante luego despues mas tarde finalmente
    hoy ayer manana nunca siempre quizas tampoco entonces ahora aqui alli mientras dado dada debido gracias
    junto cerca lejos dentro fuera algunos algunas varios varias muchos muchas pocos pocas cada ambos ambas
    dime nombra indica cita vease nota si no""")
_ALONE_NONE = _OPENERS | word_set("""one two three four five six seven eight nine ten first second third new
    uno dos tres cuatro cinco seis siete ocho nueve diez primero segundo tercero nuevo nueva""")
_INNER = word_set("of de del la las los da do dos das di du des van von der den ter bin ibn al el")
_ARTICLES = word_set("the la las los el")
_JOINS = frozenset(("y", "e", "and", "&"))
_SHORT = word_set("mr mrs ms dr prof st sr sra srta jr mt ft")
_POSSESSIVE = ("'s", "’s", "'", "’")
_BEFORE_SENTENCE = " \t\"'“”«»‘’([{¿¡*•#>-–—_`"
MAX_WORDS = 8


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    word: str
    folded: str
    capital: bool
    opens: bool  # stands where a sentence begins


def names(text: str, taken: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int]]:
    """Start and end of each phrase; of one with a particle or a conjunction in it the parts too ("Bank of
    America", "America"). Nothing that begins within one of `taken`."""
    tokens = _tokens(text, sorted(taken))
    small = {token.folded for token in tokens if not token.capital}
    at = 0
    while at < len(tokens):
        if not tokens[at].capital:
            at += 1
            continue
        after = _phrase_end(text, tokens, at)
        yield from _spans(_trimmed(tokens[at:after]), small)
        at = after


def _tokens(text: str, taken: Sequence[tuple[int, int]]) -> list[_Token]:
    starts = [start for start, _ in taken]
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        place = bisect_right(starts, match.start()) - 1
        if place >= 0 and match.start() < taken[place][1]:
            continue
        word = match[0]
        end = match.end()
        for tail in _POSSESSIVE:
            if word.endswith(tail):
                word, end = word[: -len(tail)], end - len(tail)
                break
        capital = word[:1].isupper()
        opens = capital and _opens(text, match.start())
        found.append(_Token(match.start(), end, word, fold(word), capital, opens))
    return found


def _opens(text: str, start: int) -> bool:
    at = start - 1
    while at >= 0 and text[at] in _BEFORE_SENTENCE:
        at -= 1
    return at < 0 or text[at] in ".!?…:;\n"


def _phrase_end(text: str, tokens: list[_Token], first: int) -> int:
    """The index after the last token of the phrase that begins with tokens[first]."""
    last = first
    at = first + 1
    while at < len(tokens) and at - first < MAX_WORDS + 2 and _joined(text, tokens[at - 1], tokens[at]):
        token = tokens[at]
        if token.capital or (token.word.isdigit() and len(token.word) <= 4 and tokens[at - 1].capital):
            last = at
        elif token.folded in _INNER or token.folded in _JOINS:
            pass
        elif not (token.folded in _ARTICLES and tokens[at - 1].folded in _INNER):
            break
        at += 1
    return last + 1


def _joined(text: str, one: _Token, other: _Token) -> bool:
    gap = text[one.end : other.start]
    if gap in (" ", "\n", " - ", "-"):
        return True
    initial = len(one.word) == 1 or one.folded in _SHORT
    return initial and one.capital and gap in (". ", ".")


def _trimmed(phrase: list[_Token]) -> list[_Token]:
    """Without the words in front that have their capital from the sentence only, or are none of a name."""
    while phrase and phrase[0].folded in (_OPENERS if phrase[0].opens else _STOPS):
        if len(phrase) > 1 and not phrase[0].opens and all(one.folded in _STOPS for one in phrase):
            break  # "The Who"
        phrase = phrase[1:]
        while phrase and not phrase[0].capital:
            phrase = phrase[1:]
    return phrase


def _spans(phrase: list[_Token], small: set[str]) -> Iterator[tuple[int, int]]:
    if not phrase:
        return
    if len(phrase) == 1:
        if _is_name(phrase[0], small):
            yield phrase[0].start, phrase[0].end
        return
    yield phrase[0].start, phrase[-1].end
    for part in _parts(phrase):
        if len(part) < len(phrase) and (len(part) > 1 or _is_name(part[0], small)):
            yield part[0].start, part[-1].end


def _parts(phrase: list[_Token]) -> Iterator[list[_Token]]:
    """What particles and conjunctions part; the one word before a particle is a noun ("Bank of …")."""
    part: list[_Token] = []
    for token in phrase:
        if token.capital or token.word.isdigit():
            part.append(token)
            continue
        if part and (len(part) > 1 or token.folded in _JOINS):
            yield part
        part = []
    if part:
        yield part


def _is_name(token: _Token, small: set[str]) -> bool:
    """A word alone: one letter is none, and at the beginning of a sentence it must not be a word that the
    text also writes small."""
    if len(token.word) < 2 or token.folded in _STOPS:
        return False
    return not token.opens or (token.folded not in _ALONE_NONE and token.folded not in small)
