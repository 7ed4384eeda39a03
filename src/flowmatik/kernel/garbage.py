"""How often a process that serves looks for circles of garbage."""

import gc

YOUNG = (
    10_000  # new containers before the youngest are looked through; Python's own is 700, a run has hundreds
)
OLDER, OLDEST = 20, 50
LOADING = 50_000


def collect_seldom() -> None:
    """For a command that ends soon: what it loads makes hundreds of thousands of containers that stay, and
    looking through them again and again was a quarter of its time."""
    gc.set_threshold(LOADING, OLDER, OLDEST)


def collect_rarely() -> None:
    """For a process that lives long, once everything is loaded: what is there stays, and is not looked
    through again; the rest is, less often. What no circle holds is freed at once, as always."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
