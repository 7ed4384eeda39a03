"""How bad it is out there, as chances."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """Chances, for each time that something crosses the line of a process."""

    slow: float = 0.25
    very_slow: float = 0.01
    lost: float = 0.02
    reply_lost: float = 0.02
    killed: float = 0.005
    stopped: float = 0.007
    retired: float = 0.004  # stopped as an operator does it, and replaced
    mute: float = 0.04  # for each effect: its far side answers late or not at all
    hard: float = 0.1  # for each run: somebody ends it at once, whatever is under way
    cancelled: float = 0.3  # for each run: a person ends it
    shares: tuple[float, ...] = field(init=False)
    trouble: float = field(init=False)

    def __post_init__(self) -> None:
        shares = (self.slow, self.very_slow, self.killed, self.retired, self.stopped)
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "trouble", sum(shares))


SLOW, VERY_SLOW, KILLED, RETIRED, STOPPED = range(5)  # as in `shares`
STORMY = Weather()
CALM = Weather(
    hard=0.0, slow=0.1, very_slow=0.0, lost=0.0, reply_lost=0.0, killed=0.0, stopped=0.0, retired=0.0
)
DOUBTS = replace(
    CALM, slow=0.25, very_slow=0.08, mute=0.6, cancelled=1.0
)  # runs park while others ask of them
HARD = Weather(hard=1.0, cancelled=0.0)  # every run is ended at once, and leaves what it started to end
RETIREMENTS = replace(CALM, slow=0.25, retired=0.02, mute=0.0)
