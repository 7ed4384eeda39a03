"""What the doctor says of one thing that it has looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`detail` and `mend` are text keys filled with `values`; a finding that is ok may still
    say how to do better."""

    check: str
    ok: bool
    detail: str
    mend: str = ""
    values: Mapping[str, object] = field(default_factory=lambda: {})
