"""One file per revision, with its SQL beside it."""
