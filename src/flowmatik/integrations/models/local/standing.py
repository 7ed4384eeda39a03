"""Whether a sentence, a line or a row may answer at all, and what its place in a table is worth.

Public questions over running text have no tables, headers and steps to fit weights on: what holds for
them here is said as rules.
"""

import re

from flowmatik.integrations.models.local import cells
from flowmatik.integrations.models.local.evidence import Asked, answers, as_read, counts, has_figures
from flowmatik.integrations.models.local.passages import Candidate, Passage
from flowmatik.integrations.models.local.words import flat, spots, terms

KEYED = 3.0  # a row whose cell is just what the question names
COLUMN = 2.0  # below a column that it names
STRICT = ("money", "count", "role", "steps")  # what gives none of it is no answer
LABEL = -6.0  # for who somebody is, a line that heads a document, beside a sentence
PHRASE = 3.0  # the words of a bare phrase side by side, as they were asked
# "What does it cost?" is answered by any sum of money; who asks for a rent wants a rent.
_PAYING = (
    "cost price pay paid charge spend worth fee fees rate rates tax fine rent value sold bought income earn"
    " budget allowance bonus discount refund fund grant donate owe borrow lend deduct invest profit"
    " revenue salary cuesta precio pagar cobra cobrar vale tarifa impuesto multa alquiler valor vendio"
    " compro ingresos gana presupuesto dieta plus descuento reembolso fondo subvencion donar prestar"
    " descuenta invirtio beneficio salario sueldo recibe fianza deposito"
)
_SUMS = "wage wages rent deposit allowance fine sueldo salario alquiler fianza multa dieta"
HALF = 0.5  # of what is asked beside names has to stand in a row or around it
_LINK = re.compile(r"\[[^\]]*\]\([^)]*\)|\b[\w-]+\.(?:md|txt|pdf|docx|html|csv)\b")
_POINTS = re.compile(
    r"\b(?:is|are|stands?|found|listed|set|set out|described|explained|see|in|follows?|under"
    r"|esta|estan|se \w+n?|vease|siguen?|sigue|recogid[oa]s?|descrit[oa]s?|segun|en)\s*\W*$"
)
_IF_NOT = re.compile(
    r"\b(?:if|when|unless|si|cuando)\b[^,;:.]*?\b(?:no|not|without|sin|isn't|aren't)\b([^,;:.]*)"
)
_MOST = re.compile(
    r"\b(?:most|least|best|worst|(?:bigg|larg|small|high|low|heavi|light|tall|long|short|old|new|fast|slow|great"
    r"|cheap|earli|lat|few|young|dear)(?:est|er)|maximum|minimum|main|only|first|last|more|less|top|record"
    r"|mas|menos|mayor(?:es)?|menor(?:es)?|mejor(?:es)?|peor(?:es)?|maxim[oa]s?|minim[oa]s?|principal(?:es)?"
    r"|unic[oa]s?|primer[oa]?|ultim[oa])\b"
)
_RANKS = re.compile(
    r"\b(?:(?:bigg|larg|small|high|low|heavi|light|tall|long|short|old|new|fast"
    r"|slow|great|cheap|few|dear)est"
    r"|(?:el|la|los|las) (?:\w+ ){1,2}(?:con |que )?(?:mas|menos) (?!de\b|que\b)\w+)\b"
)
_MEANS = re.compile(r"\b(?:mean(?:s|ing)?|columns?|fields?|significan?|significado|columnas?|campos?)\b")
_WHERE = re.compile(r"\b(?:where|donde|which document|que documento|document|documento)\b")


def admits(asked: Asked, question: str, one: Candidate) -> bool:
    """Lines that only head a document answer who asks for their label, dictionaries of columns who asks
    what one means, sentences that send elsewhere who asks where; a row is of all that is named."""
    words, folded = frozenset(asked.order), flat(question)
    if asked.kind in STRICT and not _gives(asked, one):
        return False
    if _RANKS.search(folded) and not _MOST.search(flat(f"{one.text} {one.passage.heading}")):
        return False  # to be the most of all, something has to be said to be
    if one.label:
        return _label(asked, one, words)
    if one.row:
        if cells.describes_columns(one):
            return _MEANS.search(folded) is not None
        return _row(asked, one, words)
    return _WHERE.search(folded) is not None or not _sends_elsewhere(asked, one.text)


def _label(asked: Asked, one: Candidate, words: frozenset[str]) -> bool:
    if asked.kind == "role":
        return asked.names <= terms(one.text, asked.language)
    label = terms(one.label, asked.language)
    around = terms(f"{one.passage.title} {one.passage.heading} {one.text}", asked.language)
    return bool(label & words) and words <= around


def _gives(asked: Asked, one: Candidate) -> bool:
    """Whether it says something of the kind asked for: of things, their number; of a person, what stands
    behind the name; of what to do, a step."""
    text, figures = as_read(asked, one), has_figures(asked, one)
    said = answers(asked, text, figures=figures)
    match asked.kind:
        case "money":
            named = terms(_SUMS, asked.language) & frozenset(asked.order)
            around = f"{one.text} {one.context if one.row else ''} {one.passage.heading} {one.passage.title}"
            pays = terms(_PAYING, asked.language) & terms(around, asked.language)
            return bool(said) and bool(pays or one.row) and named <= _there(asked, one)
        case "count":
            return bool(said) and (figures or any(counts(asked, text, at) for at in said))
        case "role":
            if one.row or one.label:
                return any(terms(cell, asked.language) >= asked.names for cell in one.row or (one.text,))
            return any(terms(text[:a], asked.language) >= asked.names for a, _ in said)
        case _:
            return not one.row and (bool(said) or one.step) and not _turned(asked, text)


def _turned(asked: Asked, text: str) -> bool:
    """A step for the case that what was asked about is not so."""
    cases = (terms(case[1], asked.language) for case in _IF_NOT.finditer(flat(text)))
    return any(case & frozenset(asked.order) for case in cases)


def _there(asked: Asked, one: Candidate) -> frozenset[str]:
    return of_passage(asked, one.passage)


def of_passage(asked: Asked, passage: Passage) -> frozenset[str]:
    return terms(f"{passage.title} {passage.heading} {passage.text}", asked.language)


def knows(asked: Asked, passages: list[Passage]) -> bool:
    """Whether any passage has something of what the question names, if it names anything."""
    names = {name for name in asked.names if not name[0].isdigit()}
    return not names or any(not names.isdisjoint(of_passage(asked, one)) for one in passages)


def _sends_elsewhere(asked: Asked, text: str) -> bool:
    """It names another document behind "is in", and gives nothing of the kind asked for itself."""
    links = list(_LINK.finditer(text))
    if not any(_POINTS.search(flat(text[: link.start()].rstrip("`( "))) for link in links):
        return False
    return not asked.kind or not answers(asked, _LINK.sub(" ", text))


def _row(asked: Asked, one: Candidate, words: frozenset[str]) -> bool:
    around = terms(f"{one.passage.title} {one.passage.heading} {one.context}", asked.language)
    there = around | terms(one.text, asked.language)
    names = {name for name in asked.names if not name.isdigit()}
    if names - there or cells.denies(one, words, asked.language):
        return False
    content = words - asked.names
    if not content:
        return True
    said = content & there
    if asked.focus in content and asked.kind == "time" and answers(asked, as_read(asked, one)):
        said |= {asked.focus}  # "which days": the cell says it by what it is
    return asked.share(said) >= HALF * asked.share(content)


def bonus(asked: Asked, one: Candidate) -> float:
    if one.label:
        return LABEL * (asked.kind == "role")
    if not one.row:
        return PHRASE * (asked.is_phrase and _side_by_side(asked, one.text))
    words = frozenset(asked.order)
    worth = KEYED * cells.keyed(one, words, asked.language)
    return worth + COLUMN * cells.has_column(one, words, asked.language)


def _side_by_side(asked: Asked, text: str) -> bool:
    said = [term for _, _, term in spots(text, asked.language) if term]
    wanted, count = list(asked.order), len(asked.order)
    return any(said[n : n + count] == wanted for n in range(len(said) - count + 1))
