"""A deployment that fails is left alone, and one call finds out whether it is back."""

from flowmatik.integrations.routing.breaker import Breaker, Permit
from flowmatik.integrations.routing.sharing import Change
from flowmatik.integrations.routing.table import BreakerRules

RULES = BreakerRules(
    consecutive=3, minimum=10, window=20, open_seconds=5, longest_open_seconds=40, jitter=0.5
)


def breaker(rules: BreakerRules = RULES, *, chance: float = 0.0) -> Breaker:
    return Breaker(rules, lambda: chance)


def permit(one: Breaker, now: float) -> Permit:
    given = one.permit(now)
    assert given is not None
    return given


def fail(one: Breaker, now: float, times: int = 1) -> None:
    for _ in range(times):
        one.failed(permit(one, now), now)


def opened(*, chance: float = 0.0) -> Breaker:
    one = breaker(chance=chance)
    fail(one, 0.0, 3)
    return one


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    one = breaker()
    fail(one, 0.0, 2)
    one.succeeded(permit(one, 0.0), 0.0)
    fail(one, 0.0, 2)
    assert one.state(0.0) == "closed"
    fail(one, 0.0)
    assert one.state(0.0) == "open"
    assert one.permit(4.9) is None


def test_a_part_of_the_last_calls_opens_it_once_there_are_enough() -> None:
    one = breaker()
    for n in range(9):
        fail(one, 0.0) if n % 2 else one.succeeded(permit(one, 0.0), 0.0)
    assert one.state(0.0) == "closed"
    fail(one, 0.0)
    assert one.state(0.0) == "open"


def test_failures_of_long_ago_do_not_count() -> None:
    one = breaker(BreakerRules(consecutive=100, minimum=4, window_seconds=10))
    fail(one, 0.0, 3)
    for _ in range(4):
        one.succeeded(permit(one, 20.0), 20.0)
    fail(one, 20.0)
    assert one.state(20.0) == "closed"


def test_when_its_time_is_over_exactly_one_of_a_thousand_callers_probes() -> None:
    one = opened()
    permits = [one.permit(5.0) for _ in range(1000)]
    assert [p for p in permits if p is not None] == [permits[0]]
    assert permits[0] is not None
    assert permits[0].probe
    assert one.state(5.0) == "half_open"


def test_a_probe_that_succeeds_closes_it_and_the_next_failure_begins_with_the_short_time() -> None:
    one = opened()
    one.succeeded(permit(one, 5.0), 5.0)
    assert one.state(5.0) == "closed"
    fail(one, 5.0, 3)
    assert one.left(5.0) == 5.0


def test_each_probe_that_fails_doubles_the_time_up_to_a_bound() -> None:
    one, now, waits = opened(), 0.0, list[float]()
    for _ in range(6):
        waits.append(one.left(now))
        now += waits[-1]
        fail(one, now)
    assert waits == [5.0, 10.0, 20.0, 40.0, 40.0, 40.0]


def test_processes_do_not_come_back_together() -> None:
    assert opened(chance=0.0).left(0.0) == 5.0
    assert opened(chance=1.0).left(0.0) == 7.5


def test_a_probe_that_nobody_waits_for_any_more_leaves_the_next_call_to_probe() -> None:
    one = opened()
    one.dropped(permit(one, 5.0))
    assert permit(one, 5.0).probe


def test_what_comes_of_calls_from_before_it_opened_changes_nothing() -> None:
    one = breaker()
    early = [permit(one, 0.0) for _ in range(8)]
    for late in early[:3]:
        one.failed(late, 1.0)
    for late in early[3:6]:
        one.failed(late, 4.0)
    one.succeeded(early[6], 4.0)
    assert one.state(4.0) == "open"
    assert one.left(1.0) == 5.0
    one.dropped(early[7])
    assert permit(one, 6.0).probe


def test_late_successes_do_not_hide_what_fails_now() -> None:
    one = breaker(BreakerRules(consecutive=100, minimum=10, failure_rate=0.9, jitter=0.0))
    early = [permit(one, 0.0) for _ in range(30)]
    fail(one, 0.0, 10)
    one.succeeded(permit(one, 5.0), 5.0)
    for late in early:
        one.succeeded(late, 5.0)
    fail(one, 5.0, 9)
    assert one.state(5.0) == "open"


def test_it_is_held_for_as_long_as_it_asked_and_no_longer_than_an_hour() -> None:
    one = breaker()
    one.hold(0.0, 30.0)
    one.hold(0.0, 10.0)
    assert (one.state(29.0), one.permit(29.0), one.held(29.0)) == ("held", None, 1.0)
    assert one.state(30.0) == "closed"
    one.hold(30.0, 10**9)
    assert one.left(30.0) == 3600.0


def test_a_broken_one_takes_no_calls_any_more_and_a_tripped_one_none_for_the_longest_time() -> None:
    broken, tripped = breaker(), breaker()
    broken.break_for_good()
    tripped.trip(0.0)
    assert broken.permit(10**9) is None
    assert broken.state(0.0) == "broken"
    assert tripped.left(0.0) == 40.0


def test_without_rules_every_call_is_let_through() -> None:
    one = Breaker(None)
    for _ in range(50):
        one.failed(permit(one, 0.0), 0.0)
    one.trip(0.0)
    one.hold(0.0, 60.0)
    one.break_for_good()
    assert one.permit(0.0) is not None
    assert one.state(0.0) == "closed"


def test_what_others_say_opens_it_no_longer_than_its_rules_allow() -> None:
    rules = BreakerRules()
    breaker = Breaker(rules)
    breaker.follows(0.0, Change(kind="open", seconds=1e12, opened=1))
    assert breaker.state(1.0) == "open"
    assert breaker.admits(rules.longest_open_seconds * 2)
