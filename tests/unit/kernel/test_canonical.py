"""Canonical JSON: how deeply it is nested."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from flowmatik.kernel import canonical

LEAVES = st.none() | st.integers(-9, 9) | st.text(alphabet='[{"\\\\}]', max_size=4)


def depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    parts = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return 1 + max(map(depth, parts), default=0)


@given(
    st.recursive(LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part)),
    st.integers(0, 6),
)
def test_a_text_is_deeper_than_what_it_is_nested_in_and_no_bracket_in_a_string_counts(
    value: Any, levels: int
) -> None:
    assert canonical.is_deeper(canonical.dumps(value), levels) is (depth(value) > levels)
