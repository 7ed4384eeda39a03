"""Where this installation keeps what is too large for its database."""

from flowmatik.app.settings import Settings
from flowmatik.contracts.blobs import BlobStore
from flowmatik.stores.blobs.files import FileBlobs


def open_blobs(settings: Settings) -> BlobStore:
    """Raises ConfigurationError when what it needs is not installed."""
    if not settings.blobs_url:
        return FileBlobs(settings.data / "blobs")
    from flowmatik.stores.blobs.s3 import S3Blobs, S3Place

    return S3Blobs(
        S3Place(
            url=settings.blobs_url,
            endpoint=settings.blobs_endpoint,
            region=settings.blobs_region,
            access_key=settings.blobs_access_key,
            secret_key=settings.blobs_secret_key,
        )
    )
