"""Pages taken in per second, and where the time goes."""
