"""The engine, run again on a recording without network, models or tools; nothing else in core needs this."""
