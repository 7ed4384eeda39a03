"""Which sandbox a machine has."""

import shutil

from flowmatik.agents.skills.sandbox.bubblewrap import Bubblewrap
from flowmatik.agents.skills.sandbox.jail import Sandbox, SandboxLimits
from flowmatik.agents.skills.sandbox.nsjail import Nsjail


def sandbox_here(limits: SandboxLimits | None = None) -> Sandbox:
    """That of bubblewrap, and of nsjail where only that is on the path. Where neither is, whoever runs
    something is told what to install."""
    if shutil.which("bwrap") or not shutil.which("nsjail"):
        return Bubblewrap(limits)
    return Nsjail(limits)
