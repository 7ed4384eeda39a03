"""What the doctor has to say of the home's skills, and of the sandbox that their code runs in."""

import asyncio

from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings
from flowmatik.app.tools import skills_of
from flowmatik.kernel.errors import Unavailable


async def check_skills(settings: Settings) -> list[Finding]:
    library = await asyncio.to_thread(skills_of, settings)
    findings: list[Finding] = []
    folders = await library.list()
    faults = [fault for one in folders for fault in one.faults]
    values: dict[str, object] = {"count": len(folders), "faults": len(faults)}
    if faults:
        first = faults[0]
        values["first"] = {
            "place": first.place,
            "code": first.code,
            "values": first.values,
            "text": first.text,
        }
        detail, mend = "doctor.skills.faults", "doctor.skills.mend"
        findings.append(Finding(check="skills", ok=False, detail=detail, mend=mend, values=values))
    elif folders:
        findings.append(Finding(check="skills", ok=True, detail="doctor.skills.detail", values=values))
    return [*findings, await check_sandbox(settings)]


async def check_sandbox(settings: Settings) -> Finding:
    """No fault where the operator has not turned code on."""
    from flowmatik.agents import sandbox_here

    if not settings.tools_code:
        return Finding(check="sandbox", ok=True, detail="doctor.sandbox.off")
    try:
        version = await sandbox_here().version()
    except Unavailable as error:
        return Finding(
            check="sandbox",
            ok=False,
            detail="doctor.sandbox.failed",
            mend="doctor.sandbox.mend",
            values={"said": error.context["said"]},
        )
    return Finding(check="sandbox", ok=True, detail="doctor.sandbox.detail", values={"version": version})
