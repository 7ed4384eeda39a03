"""The bus between processes, over Redis Streams and the journal."""
