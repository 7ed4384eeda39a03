"""A small Elasticsearch over HTTP, for tests: it keeps indices, evaluates the queries that Flowmatik sends,
scores as Lucene's BM25 does, and shows writes only after a refresh. What it does not know it refuses. What
works with it is no proof of what works with a real Elasticsearch.

`python -m flowmatik.testing.elasticsearch_server PORT` runs one."""

from flowmatik.testing.elasticsearch_server.app import ElasticsearchServer

__all__ = ["ElasticsearchServer"]
