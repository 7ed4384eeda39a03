"""The index as it is made."""

_KEYWORD = {"type": "keyword"}


def index_body(alias: str, replicas: int) -> dict[str, object]:
    """Terms are split at white space and no text is kept; a field that is not named here is refused."""
    keywords = dict.fromkeys(("workspace", "chunk", "document", "places", "acl", "tags", "dated"), _KEYWORD)
    return {
        "aliases": {alias: {"is_write_index": True}},
        "settings": {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            "similarity": {"default": {"type": "BM25", "k1": 1.2, "b": 0.75}},
            "analysis": {"analyzer": {"terms": {"type": "custom", "tokenizer": "whitespace"}}},
        },
        "mappings": {
            "dynamic": "strict",
            "_source": {"excludes": ["terms"]},
            "properties": {
                **keywords,
                "terms": {"type": "text", "analyzer": "terms", "index_options": "freqs"},
                "position": {"type": "long"},
            },
        },
    }
