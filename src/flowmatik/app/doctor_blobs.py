"""What the doctor has to say of where blobs are kept."""

from flowmatik.app.blobs import open_blobs
from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings
from flowmatik.kernel.errors import FlowmatikError


async def check_blobs(settings: Settings) -> Finding:
    """Whether one can be written and read again."""
    place = settings.blobs_url or str(settings.data / "blobs")
    try:
        blobs = open_blobs(settings)
        await blobs.check()
        await blobs.close()
    except FlowmatikError as error:
        fault = {"code": error.code, "values": error.context, "text": error.message}
        mend = "doctor.blobs.bucket" if settings.blobs_url else "doctor.blobs.folder"
        return Finding(
            check="blobs",
            ok=False,
            detail="doctor.blobs.failed",
            mend=mend,
            values={"place": place, "error": fault},
        )
    return Finding(check="blobs", ok=True, detail="doctor.blobs.detail", values={"place": place})
