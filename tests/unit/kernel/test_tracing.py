"""The trace context that a caller sends is kept if it is one, as the standard says."""

import re

import pytest

from flowmatik.kernel.tracing import trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FRESH = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00")


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_a_valid_one_is_kept_as_it_is(flags: str) -> None:
    header = f"00-{TRACE}-{PARENT}-{flags}"
    assert trace_of(header) == trace_of(f" {header} ") == header


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"01-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-03-what-comes-later", f"00-{TRACE}-{PARENT}-01"),
        (f"cc-{TRACE}-{PARENT}-08-", f"00-{TRACE}-{PARENT}-00"),
    ],
)
def test_of_a_later_version_the_part_that_is_known_is_kept(header: str, kept: str) -> None:
    assert trace_of(header) == kept


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-1",
        f"cc-{TRACE}-{PARENT}-01more",
        f"00-{TRACE}-{PARENT}-01\n00-{TRACE}-{PARENT}-01",
        "00-" + "a" * 10_000,
    ],
)
def test_what_is_none_gives_a_new_one(header: str) -> None:
    first, second = trace_of(header), trace_of(header)
    assert FRESH.fullmatch(first)
    assert first != second
