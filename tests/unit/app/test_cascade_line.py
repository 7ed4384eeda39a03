"""What a cascade came to, as `runs show` says it."""

import pytest

from flowmatik.app.cli.answer_view import cascade_line
from flowmatik.contracts.cascades import CascadeView
from tests.unit.app.samples import session

SAVED = CascadeView(cheap_turns=2, strong_turns=1, drafts_micros=30, strong_micros=1_500, saved_micros=1_470)
MORE = CascadeView(strong_turns=1, drafts_micros=30, saved_micros=-30)
UNKNOWN = CascadeView(cheap_turns=1, strong_micros=None, saved_micros=None)


@pytest.mark.parametrize(
    ("language", "cascade", "line"),
    [
        (
            "en",
            SAVED,
            "Cheap models settled 2 of 3 turns for $0.000030; the strong one would have cost about $0.001500 "
            "for these: $0.001470 saved",
        ),
        (
            "es",
            SAVED,
            "Los modelos baratos resolvieron 2 de 3 turnos por 0.000030 $; el modelo fuerte habría costado "
            "unos 0.001500 $ en ellos: 0.001470 $ de ahorro",
        ),
        (
            "en",
            MORE,
            "Cheap models settled 0 of 1 turn for $0.000030; the strong one would have cost about $0.000000 "
            "for these: $0.000030 more spent",
        ),
        (
            "es",
            UNKNOWN,
            "Los modelos baratos resolvieron 1 de 1 turno; no se sabe cuánto se ahorró, porque falta un "
            "precio o los tokens de una respuesta",
        ),
    ],
)
def test_a_cascade_says_what_it_saved_or_cost_more(language: str, cascade: CascadeView, line: str) -> None:
    assert cascade_line(session(language), cascade) == line
