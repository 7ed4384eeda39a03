"""Runs one on the loopback address until it is ended; `KEY` as second argument is asked for."""

import sys

import uvicorn

from flowmatik.testing.elasticsearch_server.app import ElasticsearchServer

if __name__ == "__main__":
    port, key = int(sys.argv[1]), (sys.argv[2] if len(sys.argv) > 2 else "")
    uvicorn.run(ElasticsearchServer(key=key).app(), host="127.0.0.1", port=port, log_level="warning")
