import json
from pathlib import Path

import pytest

from benchmarks.retrieval.sets import own_form

SET = {
    "name": "two",
    "language": "es",
    "passages": [{"id": "a", "title": "A", "text": "Uno."}, {"id": "b", "text": "Dos."}],
    "questions": [
        {"id": "q1", "text": "¿Uno?", "gold": ["a"], "group": "g"},
        {"id": "q2", "text": "¿Y dos?", "gold": ["a", "b"], "group": "g"},
        {"id": "q3", "text": "¿Dos?", "gold": ["b"], "group": "h"},
    ],
}


def test_a_set_in_the_documented_form_is_read_and_a_group_stays_in_one_half(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    path.write_text(json.dumps(SET), encoding="utf-8")
    found = own_form(path)
    assert (found.name, found.language, len(found.passages)) == ("two", "es", 2)
    assert [question.half for question in found.questions] == [0, 0, 1]
    assert found.questions[1].gold == {"a", "b"}


@pytest.mark.parametrize(
    "changed",
    [
        {"passages": [{"id": "a"}]},
        {"questions": []},
        {"questions": [{"text": "?", "gold": ["c"]}]},
        {"passages": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]},
        {"questions": 3},
    ],
)
def test_a_set_of_another_form_is_refused_by_name(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**SET, **changed}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.json|gold"):
        own_form(path)
