import numpy as np
import pytest

from flowmatik.memory.graph.links import Named, build_graph

DOCUMENTS = np.array([0, 1, 2], dtype=np.int32)
NAMED = [
    Named(mentions=("acme",), titles=("report",)),
    Named(mentions=("acme s.l.",), titles=("letter",)),
    Named(mentions=("other", "acme"), titles=("acme s.l.",)),
]


def test_what_people_joined_is_one_entity_under_either_name() -> None:
    apart = build_graph(NAMED, DOCUMENTS)
    assert apart.mentioning.of(apart.keys["acme s.l."]).tolist() == [1]
    joined = build_graph(NAMED, DOCUMENTS, {"acme s.l.": "acme"})
    assert joined.keys["acme"] == joined.keys["acme s.l."]
    assert joined.mentioning.of(joined.keys["acme"]).tolist() == [0, 1, 2]
    assert joined.titled.of(joined.keys["acme"]).tolist() == [2]
    assert joined.keys.name(joined.keys["acme s.l."]) == "acme"
    assert joined.meant_by(["acme s.l."]) == {2: (1.0, "acme s.l.")}


def test_links_count_by_half_where_half_as_many_documents_as_it_takes_are_named() -> None:
    """Two titles in twenty-five are enough for all of it; here it is one."""
    named = [Named(mentions=(), titles=(f"report {n}",)) for n in range(48)]
    named += [Named(mentions=(f"report {n}",), titles=(f"letter {n}",)) for n in range(2)]
    assert build_graph(named, np.arange(50, dtype=np.int32)).strength == 0.5


def test_a_title_that_many_documents_bear_is_one_title() -> None:
    named = [Named(mentions=(), titles=("annual report",)) for _ in range(49)]
    named += [Named(mentions=("annual report",), titles=("a letter",))]
    assert build_graph(named, np.arange(50, dtype=np.int32)).strength == pytest.approx(0.25)
