"""A small Weaviate for tests: collections, tenants and objects in memory, its REST and GraphQL before them.

It reads the GraphQL and the filters that it is sent and compares every vector, as the flat index does. What
works with it is no proof of what works with the real server.
"""

from flowmatik.testing.weaviate_server.app import WeaviateServer

__all__ = ["WeaviateServer"]
