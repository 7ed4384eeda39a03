"""Each index ranks nearly as the default does."""

from itertools import combinations
from pathlib import Path

from flowmatik.memory import analysis
from tests.contracts.plugins.text_indexes.conftest import ALL, World, postings, row

TEXTS = """The invoice is due thirty days after delivery and late invoices bear interest
Holidays are twenty five working days a year for every employee
Sick leave needs a certificate from the third day
The delivery of goods takes five working days within the country
Interest of four percent is charged on late payment
Employees travel by train and book the hotel through the office
The office in Madrid opens at nine and closes at six
Returned goods are refunded within thirty days
A refund needs the invoice number and the reason of the return
The hotel costs at most one hundred euros a night in Madrid
Payment is by bank transfer or by card
The warranty lasts two years from the day of delivery
Repairs under warranty cost nothing but the transport of the goods
Passwords are changed every year and never shared
Suppliers send the invoice by e-mail to the office
A supplier is chosen by price quality and delivery
The contract ends with three months notice
Notice of the end of the contract is given in writing
Training is paid by the company after six months
The company pays the train and half of the transport to work""".splitlines()
QUESTIONS = (
    *(
        "When is the invoice due?",
        "How many days of holidays does an employee have?",
        "late payment interest",
    ),
    *("hotel in Madrid", "warranty of repairs", "refund of returned goods", "notice to end the contract"),
    *("Who pays the training?", "sick leave certificate", "supplier invoice"),
)
LEAST_TAU = 0.95  # over all pairs of passages that both rank; the default itself has 1


def tau(ours: list[str], theirs: list[str]) -> float:
    """Kendall's, over what both have."""
    both = [one for one in ours if one in theirs]
    pairs = list(combinations(both, 2))
    same = sum(1 if theirs.index(first) < theirs.index(second) else -1 for first, second in pairs)
    return same / len(pairs) if pairs else 1.0


async def test_the_best_is_the_same_and_the_order_nearly(world: World, tmp_path: Path) -> None:
    rows = [row(f"p{n:02}", text) for n, text in enumerate(TEXTS)]
    place = tmp_path / "default"
    place.mkdir()
    async with postings(place) as default:
        await default.put("one", *rows)
        await world.put("one", *rows)
        taus = list[float]()
        for question in QUESTIONS:
            asked = analysis.query_terms(question, "en")
            hits = await world.search.search("one", asked, 20, ALL)
            wanted = await default.search.search("one", asked, 20, ALL)
            assert hits[0].chunk == wanted[0].chunk, question
            shares = {one.chunk: round(one.coverage, 9) for one in wanted}
            assert {one.chunk: round(one.coverage, 9) for one in hits} == shares
            taus.append(tau([one.chunk for one in hits], [one.chunk for one in wanted]))
    mean = sum(taus) / len(taus)
    assert mean >= LEAST_TAU, f"{world.search.id}: {mean:.3f} {taus}"
