"""Which version a thread gets: in the shares of the weights, and the same one as long as they allow it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowmatik.agents.channels.weights import chosen, mixed
from flowmatik.contracts.channels import MAX_SHARES, Share, Shares
from flowmatik.kernel.errors import InvalidInput

THREADS = [f"thread-{n}" for n in range(1000)]


@st.composite
def channels(draw: st.DrawFn) -> Shares:
    """Two to five versions whose weights add up to a hundred."""
    count = draw(st.integers(2, 5))
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=count - 1, max_size=count - 1)))
    weights = [after - before for before, after in zip([0, *cuts], [*cuts, 100], strict=True)]
    return tuple(Share(version=f"{n:012x}", weight=weight) for n, weight in enumerate(weights))


def by_thread(shares: Shares, name: str = "agent") -> dict[str, str]:
    return {thread: chosen(name, thread, shares).version for thread in THREADS}


@given(channels())
@settings(max_examples=25, deadline=None)
def test_threads_are_shared_out_as_the_weights_say(shares: Shares) -> None:
    versions = list(by_thread(shares).values())
    for share in shares:
        expected = len(THREADS) * share.weight / 100
        sigma = (expected * (1 - share.weight / 100)) ** 0.5
        assert abs(versions.count(share.version) - expected) <= 5 * sigma + 1


@given(channels(), st.integers(1, 100), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_when_a_weight_grows_threads_move_only_to_it(shares: Shares, weight: int, which: int) -> None:
    """But for the one per cent by which rounding may move the others among themselves."""
    grown = shares[which % len(shares)]
    if weight < grown.weight:
        return
    before, after = by_thread(shares), by_thread(mixed(shares, grown.version, weight))
    elsewhere = [t for t in THREADS if after[t] not in (before[t], grown.version)]
    assert len(elsewhere) <= len(THREADS) * 0.03 * len(shares)
    assert all(after[t] == grown.version for t in THREADS if before[t] == grown.version)


@given(st.integers(1, 99), st.integers(1, 99))
@settings(max_examples=30, deadline=None)
def test_between_two_versions_exactly_those_move_who_must(first: int, second: int) -> None:
    old, new = "a" * 12, "b" * 12
    small, large = sorted((first, second))
    before = by_thread(mixed((Share(version=old),), new, small))
    after = by_thread(mixed((Share(version=old),), new, large))
    assert all(after[t] == new for t in THREADS if before[t] == new)


@given(channels(), st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_weights_always_add_up_to_a_hundred(shares: Shares, weight: int) -> None:
    found = mixed(shares, "f" * 12, weight)
    assert sum(share.weight for share in found) == 100
    assert {share.version: share.weight for share in found}["f" * 12] == weight
    assert all(share.weight > 0 for share in found)


def test_agents_do_not_move_together() -> None:
    shares = (Share(version="a" * 12, weight=50), Share(version="b" * 12, weight=50))
    ours, theirs = by_thread(shares, "one"), by_thread(shares, "two")
    same = sum(ours[thread] == theirs[thread] for thread in THREADS)
    assert 400 < same < 600


def test_a_channel_points_at_so_many_versions_and_no_more() -> None:
    shares: Shares = (Share(version="0" * 12),)
    for n in range(1, MAX_SHARES):
        shares = mixed(shares, f"{n:012x}", 50 if n < 3 else 5)
    with pytest.raises(InvalidInput, match="at most 10"):
        mixed(shares, "f" * 12, 5)
