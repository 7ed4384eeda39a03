"""The servers as programs: `python -m flowmatik.testing.openai_server` and `…anthropic_server`."""

import argparse
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from flowmatik.kernel.errors import FlowmatikError
from flowmatik.testing.model_server.desk import Orders
from flowmatik.testing.model_server.limits import Limits
from flowmatik.testing.model_server.serving import SECONDS, ScriptedServer
from flowmatik.testing.model_server.steps import Step, load_script
from flowmatik.testing.model_server.weather import Latency, Weather

Make = Callable[[Orders, int, bool], ScriptedServer]


def serve(make: Make, shown: Callable[[ScriptedServer], str], *, prog: str, about: str | None) -> int:
    """Prints the address, then serves until it is told to end. Exit codes as the product's."""
    given = _arguments(prog, about)
    try:
        orders = _orders(given)
        with make(orders, given.port, given.workers > 1) as server:
            others = [_worker(make, orders, server.port) for _ in range(given.workers - 1)]
            try:
                print(shown(server), flush=True)
                _until_told()
            finally:
                for other in others:
                    other.terminate()
                    other.join(SECONDS)
    except FlowmatikError as error:
        print(error.message, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _until_told() -> None:
    """Until SIGTERM; an interrupt is raised."""
    told = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        told.set()

    signal.signal(signal.SIGTERM, end)
    while not told.wait(0.5):
        continue


def _worker(make: Make, orders: Orders, port: int) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(make, orders, port), daemon=True
    )
    process.start()
    return process


def _work(make: Make, orders: Orders, port: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    with make(orders, port, True) as server:
        server.wait()


def _arguments(prog: str, about: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--script", type=Path, help="a JSON list of steps; without it, plain answers")
    parser.add_argument("--embeddings", type=Path, help="the same for embeddings; without it, vectors")
    parser.add_argument("--key", default="", help="the only key that is let in; without it, everybody")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes on the same port; each has its own place in the script, its own limits and its own "
        "/__calls",
    )
    parser.add_argument("--keep", type=int, default=1_000, help="how many calls /__calls remembers")
    parser.add_argument("--seed", type=int, default=0, help="of everything that happens by chance")
    parser.add_argument("--errors", type=float, default=0.0, help="the share of calls that fail, 0 to 1")
    parser.add_argument("--mix", type=Path, help="a JSON list of the steps that failing calls get")
    parser.add_argument("--latency", default="", help="constant:0.2, lognormal:0.3:0.5 or list:0.1,0.2,5")
    parser.add_argument("--requests", type=int, default=0, help="a minute, then 429; 0: no limit")
    parser.add_argument("--tokens", type=int, default=0, help="a minute, then 429; 0: no limit")
    parser.add_argument("--concurrent", type=int, default=0, help="at once, then 429; 0: no limit")
    parser.add_argument("--context", type=int, default=0, help="the model's window in tokens; 0: endless")
    return parser.parse_args()


def _orders(given: argparse.Namespace) -> Orders:
    weather = Weather(
        seed=given.seed,
        errors=given.errors,
        latency=Latency.parsed(given.latency) if given.latency else None,
    )
    if given.mix:
        weather = Weather(
            seed=given.seed, errors=given.errors, latency=weather.latency, mix=load_script(given.mix)
        )
    return Orders(
        script=load_script(given.script) if given.script else (Step(),),
        embeddings=load_script(given.embeddings) if given.embeddings else (Step(),),
        key=given.key,
        weather=weather,
        limits=Limits(
            requests=given.requests,
            tokens=given.tokens,
            concurrent=given.concurrent,
            context=given.context,
        ),
        keep=given.keep,
    )
