"""Full text in Elasticsearch 8 and 9 (REST API, elastic.co/docs/api/doc/elasticsearch)."""

import ssl
from collections.abc import Mapping
from typing import Any, cast

import httpx

from flowmatik.memory.index_faults import lacking, refused
from flowmatik.memory.index_settings import IndexSettings
from flowmatik.memory.text_indexes.elasticsearch.index import ElasticsearchIndex
from flowmatik.memory.text_indexes.elasticsearch.server import ID, Server

_CONNECT_SECONDS = 5.0
_KNOWN = frozenset(("url", "user", "password", "api_key", "ca", "prefix", "replicas", "timeout"))


def build(settings: Any) -> ElasticsearchIndex:
    """`settings`: as the README says. Raises ConfigurationError."""
    given = cast("Mapping[str, Any]", settings or {})
    checked = IndexSettings(ID, given, _KNOWN)
    for key in ("timeout", "replicas"):
        if isinstance(given.get(key, 1), bool) or not isinstance(given.get(key, 1), (int, float)):
            raise checked.wrong(key, "a number")
    if not given.get("url"):
        raise lacking(ID, "url")
    if given.get("user") and not given.get("password"):
        raise lacking(ID, "password")
    headers = {"Authorization": f"ApiKey {given['api_key']}"} if given.get("api_key") else {}
    auth = (str(given["user"]), str(given["password"])) if given.get("user") else None
    timeout = float(given.get("timeout") or 10.0)
    try:
        client = httpx.AsyncClient(
            base_url=str(given["url"]).rstrip("/"),
            headers=headers,
            auth=auth,
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            verify=ssl.create_default_context(cafile=str(given["ca"])) if given.get("ca") else True,
        )
    except (httpx.InvalidURL, OSError) as error:
        raise refused(ID, f"{type(error).__name__}: {error}") from error
    return ElasticsearchIndex(
        Server(client, timeout),
        prefix=str(given.get("prefix") or "flowmatik-text"),
        replicas=int(given.get("replicas", 1)),
    )
