"""Every process of a run of the tests begins with what takes long, and nothing is left out."""

from typing import Any, cast

import pytest

from tests.dealing import dealt


class Named:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def items(**modules: int) -> list[pytest.Item]:
    found = [
        Named(f"tests/{name.replace('__', '/')}.py::test_{n}")
        for name, count in modules.items()
        for n in range(count)
    ]
    return cast("Any", found)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_every_test_is_dealt_once_and_a_module_stays_together(processes: int) -> None:
    given = items(unit__a=20, e2e__test_b=3, e2e__test_c=4, simulation__test_d=2, contracts__e__test_f=9)
    order = dealt(given, processes)
    assert sorted(map(id, order)) == sorted(map(id, given))
    names = [item.nodeid.partition("::")[0] for item in order]
    for long in ("tests/e2e/test_b.py", "tests/e2e/test_c.py", "tests/simulation/test_d.py"):
        first = names.index(long)
        assert names[first : first + names.count(long)] == [long] * names.count(long)


def test_each_part_begins_with_what_takes_long() -> None:
    order = dealt(items(unit__a=90, e2e__test_b=1, e2e__test_c=1, e2e__test_first_agent=2), 3)
    at = [number for number, item in enumerate(order) if "e2e" in item.nodeid]
    assert at[:2] == [0, 1]
    assert "first_agent" in order[0].nodeid
    assert at[2:] == [31, 62]
