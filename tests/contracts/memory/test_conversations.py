"""What somebody said is found in a conversation by who said it and when, and is shown with both."""

import pytest

from tests.contracts.memory.conftest import WS, Shelf

ENGLISH = (
    ("2026-03-02", "Ana Brook", "The budget of the deck: for the deck a budget of 12,000 euros."),
    ("2026-03-12", "Mary Stone", "The budget of the deck is signed."),
    ("2026-03-20", "Luke Hill", "The budget for that deck looks as high as the crane was, I would wait."),
)
SPANISH = (
    (
        "2026-03-02",
        "Ana Ruiz",
        "El presupuesto de la cubierta: para la cubierta un presupuesto de 12.000 euros.",
    ),
    ("2026-03-12", "Marta Sanz", "El presupuesto de la cubierta está firmado."),
    (
        "2026-03-20",
        "Luis Gil",
        "El presupuesto para esa cubierta sale tan caro como la grúa, yo esperaría.",
    ),
)


@pytest.mark.parametrize(
    ("said", "question"),
    [
        (ENGLISH, "What did Luke say about the budget of the deck?"),
        (SPANISH, "¿Qué dijo Luis del presupuesto de la cubierta?"),
    ],
)
async def test_who_is_asked_for_stands_before_what_others_said(
    shelf: Shelf, said: tuple[tuple[str, str, str], ...], question: str
) -> None:
    for day, who, text in said:
        idle = [f"**{name}** ({day} 09:00): Hm, hm. And {name}?" for _, name, _ in said]
        lines = (f"# #port, {day}", *idle, f"**{who}** ({day} 13:00): {text}")
        shelf.write(f"port/{day}.md", "\n\n".join(lines))
    await shelf.take()
    first = (await shelf.memory.search(WS, question))[0]
    (_, who, text) = said[2]
    assert f"**{who}** (2026-03-20 13:00): {text}" in first.text
