"""What answers teach searches, simulated: slowly, within bounds, and nothing where nothing can be learned."""

import random
from collections.abc import Mapping

import pytest

from flowmatik.contracts.memory_learning import LEGS, SHIPPED, LearnedLegs
from flowmatik.learning.retrieval import Lesson, learned, lesson_of, weights_of
from flowmatik.learning.retrieval.lessons import FARTHEST, said

SHOWN = 8


def multipliers(found: LearnedLegs) -> Mapping[str, float]:
    return {one.leg: one.multiplier for one in found.legs}


def answers(count: int, seed: int, right: Mapping[str, float], *, at_random: bool = False) -> list[Lesson]:
    """`right`: how much higher each part scores what is cited, in standard deviations of its noise."""
    chance = random.Random(seed)
    found: list[Lesson] = []
    while len(found) < count:
        cited = [n == 0 for n in range(SHOWN)]
        shown = [
            {name: chance.gauss(lead if one else 0.0, 1.0) for name, lead in right.items()} for one in cited
        ]
        if at_random:
            chance.shuffle(cited)
        if (lesson := lesson_of(shown, cited)) is not None:
            found.append(lesson)
    return found


def test_a_workspace_whose_vectors_mislead_comes_to_weigh_words_more() -> None:
    told = answers(60, 1, {"bm25": 1.5, "dense": -0.5, "close": 1.5})
    few, many = multipliers(learned(told[:8])), multipliers(learned(told))
    assert set(few.values()) == {1.0}
    assert many["meaning"] < 0.75
    assert many["words"] > 1.1
    assert many["links"] == 1.0
    assert weights_of(learned(told)).meaning == many["meaning"]


@pytest.mark.parametrize("seed", range(20))
def test_feedback_without_a_meaning_changes_nothing_that_anybody_would_notice(seed: int) -> None:
    found = learned(
        answers(200, seed, {"bm25": 1.0, "dense": 1.0, "close": 1.0, "graph": 1.0}, at_random=True)
    )
    assert all(abs(value - 1.0) < 0.05 for value in multipliers(found).values())


def test_parts_that_do_alike_are_left_as_they_are_shipped() -> None:
    told = answers(300, 3, {"bm25": 1.2, "dense": 1.2, "close": 1.2})
    assert weights_of(learned(told)) == SHIPPED


def test_no_weight_goes_beyond_its_bounds() -> None:
    told = [Lesson(ahead={"words": 1.0, "meaning": -1.0})] * 400
    found = multipliers(learned(told))
    assert (found["words"], found["meaning"]) == (FARTHEST, 1 / FARTHEST)


def test_what_people_say_of_answers_turns_their_lessons() -> None:
    told = answers(60, 4, {"bm25": 1.5, "dense": -0.5})
    praised = learned([said(one, good=2, bad=0) for one in told])
    blamed = learned([said(one, good=0, bad=1) for one in told])
    assert praised.legs[0].lead > learned(told).legs[0].lead > 0
    assert multipliers(blamed)["words"] < 1.0 < multipliers(praised)["words"]
    assert said(told[0], good=1, bad=1).weight == 1.0


def test_an_answer_that_cites_all_or_nothing_or_that_one_part_alone_judged_teaches_nothing() -> None:
    shown = [{"bm25": 1.0, "dense": 0.2}, {"bm25": 2.0, "dense": 0.1}]
    assert lesson_of(shown, [True, True]) is None
    assert lesson_of(shown, [False, False]) is None
    assert lesson_of([{"bm25": 1.0, "dense": 0.0}, {"bm25": 2.0, "dense": 0.0}], [True, False]) is None
    assert lesson_of([], []) is None
    told = lesson_of(shown, [False, True])
    assert told is not None
    assert dict(told.ahead) == {"words": 1.0, "meaning": -1.0}


def test_nothing_is_said_of_nothing() -> None:
    found = learned([])
    assert found.answers == 0
    assert [one.leg for one in found.legs] == list(LEGS)
    assert weights_of(found) == SHIPPED
