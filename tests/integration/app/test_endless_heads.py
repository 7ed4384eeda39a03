"""A request whose head never ends does not fill the memory of who serves."""

import asyncio

from fastapi import FastAPI

from flowmatik.app.serving import serve

MOST = 1024 * 1024


async def test_a_head_that_does_not_end_is_refused_before_it_takes_much() -> None:
    async with serve(FastAPI(), host="127.0.0.1", port=0) as serving:
        host, port = serving.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n")
        sent = 0
        try:
            while not reader.at_eof() and sent < MOST:
                line = b"X-More: " + b"x" * 8000 + b"\r\n"
                writer.write(line)
                await writer.drain()
                sent += len(line)
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            writer.close()
        assert sent < MOST
