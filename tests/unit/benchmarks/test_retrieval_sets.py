import json
from pathlib import Path

import pytest

from benchmarks.retrieval.handed import hand_over, handed
from benchmarks.retrieval.run import judged
from benchmarks.retrieval.sets import folder_of_sets, own_form
from flowmatik.memory import load_embedder

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
    ("changed", "place"),
    [
        ({"passages": [{"id": "a"}]}, r"passages\[0\] needs `text`"),
        ({"passages": ["a"]}, r"passages\[0\] is no object"),
        ({"questions": []}, "needs `questions`"),
        ({"questions": 3}, "needs `questions`"),
        ({"questions": [{"text": "?"}]}, r"questions\[0\] needs `gold`"),
        ({"questions": [{"text": "?", "gold": "a"}]}, r"questions\[0\] needs `gold`"),
        ({"questions": [{"text": "?", "gold": ["c"]}]}, r"questions\[0\]: no passage has the id 'c'"),
        ({"passages": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]}, "two passages have one id"),
    ],
)
def test_a_set_of_another_form_is_refused_with_the_file_and_the_place(
    tmp_path: Path, changed: dict[str, object], place: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**SET, **changed}), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"bad\.json: .*{place}"):
        own_form(path)


@pytest.mark.parametrize("content", [b'{"name": ', b'{"name": "\xff"}', b"[]"])
def test_a_file_that_is_no_object_of_json_in_utf_8_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.json: "):
        folder_of_sets(tmp_path)


def test_a_folder_without_sets_and_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no folder with files"):
        folder_of_sets(tmp_path / "missing")
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(json.dumps(SET), encoding="utf-8")
    with pytest.raises(ValueError, match="another file has a set of the name 'two'"):
        folder_of_sets(tmp_path)


def test_a_peers_searches_are_judged_by_the_same_measure_as_ours(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    path.write_text(json.dumps(SET), encoding="utf-8")
    one, both, _ = own_form(path).questions
    assert judged(one, ["a", "b"]) == (1, 1, 1)
    assert judged(both, ["x", "b", "a"]) == (0, 0.5, 1)
    assert judged(both, []) == (0, 0, 0)


async def test_a_peer_is_handed_the_vectors_that_belong_to_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    path.write_text(json.dumps(SET), encoding="utf-8")
    one = own_form(path)
    embedder = load_embedder()
    assert embedder is not None
    await hand_over(tmp_path, one, one.questions[:1], embedder)
    given = handed({"target": str(tmp_path)})
    assert (given.ids, given.texts, given.questions) == (["a", "b"], ["A\n\nUno.", "Dos."], ["¿Uno?"])
    assert given.text_vectors.shape == (2, 384)
    assert given.question_vectors.shape == (1, 384)
