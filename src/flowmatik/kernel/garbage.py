"""How often a process that serves looks for circles of garbage."""

import gc

from flowmatik.kernel.heap import map_big_blocks

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
    through again; the rest is, less often. What no circle holds is freed at once, as always, and what is big
    goes back to the system (`heap`)."""
    map_big_blocks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)


def keep_loaded() -> None:
    """For a library that a process which lives long loads when it first needs it: a hundred thousand objects
    that stay too. A full collection that looks through them serves nobody for a tenth of a second. Does
    nothing in a process that has frozen nothing before, which may have garbage of its own to find."""
    if gc.get_freeze_count():
        gc.collect()
        gc.freeze()
