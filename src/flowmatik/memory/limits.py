"""What ingestion accepts; above it a file is skipped with a reason, never a failure."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestLimits:
    """`max_file_bytes`: a document as it lies on disk; `max_table_bytes`: a data file (it is
    hashed, not loaded); `max_unpacked_bytes` and `max_ratio`: what a compressed document may
    grow to; `max_text_chars`: extracted text; `parse_seconds`: time for one file;
    `workers`: files parsed side by side, each in a process that may have `worker_bytes` of address space
    and ends when it had nothing to do for `worker_idle_seconds`."""

    max_file_bytes: int = 50 * MIB
    max_table_bytes: int = 4096 * MIB
    max_unpacked_bytes: int = 200 * MIB
    max_ratio: int = 200
    max_text_chars: int = 20_000_000
    max_pages: int = 5_000
    parse_seconds: float = 60.0
    workers: int = 2
    worker_bytes: int = 2048 * MIB
    worker_idle_seconds: float = 60.0
