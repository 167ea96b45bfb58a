"""`tuner search` with a clock beside it, in a process of its own.

The command line is the real one; only the places where the clock is read are put in from outside:

    import    until the process that workers are forked from has imported Keras. It is waited for before the command
              begins, as the peers import TensorFlow before theirs; in real life the rows are read meanwhile
    trials    from the moment the arrays lie ready for the trainer, before there is one, until the last trial is in the
              ledger and in MLflow. It holds starting the workers, every compilation, and the record
    command   from the end of the import to the end of the command: rows, trials, finalists, champion, pictures, model;
              only where the order says that the search is concluded
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tests.benchmarks.machine import answering
from tests.benchmarks.tasks import depth


class Enough(Exception):
    """The trials were all that was wanted."""


def answer(order: Mapping[str, Any]) -> dict[str, Any]:
    """Searches as told, and says what the clock said and which trials there were."""
    clock: dict[str, float] = {"start": time.perf_counter()}
    from tuner.trainers import processes

    processes.preload()
    processes.warm().wait()
    clock["imported"] = time.perf_counter()
    _read_clock(clock, order["conclude"])
    sys.argv[1:], own = options(order), sys.argv[1:]
    told = {}
    with suppress(Enough):
        _command()
        told["command"] = time.perf_counter() - clock["imported"]
    sys.argv[1:] = own
    results = _results(order["study"])
    return {
        "import": clock["imported"] - clock["start"],
        "trials": clock["recorded"] - clock["ready"],
        **told,
        "number": len(results),
        "depth": depth([each["values"] for each in results]),
        "results": results,
    }


def _command() -> None:
    from tuner import cli

    cli.main()


def _read_clock(clock: dict[str, float], conclude: bool) -> None:
    from tuner import opening, search

    work, loop = opening.work, search.loop

    def working(*given: Any, **named: Any) -> Any:
        made = work(*given, **named)
        clock["ready"] = time.perf_counter()
        return made

    def looping(*given: Any, **named: Any) -> Any:
        ended = loop(*given, **named)
        tracker = inspect.signature(loop).bind(*given, **named).arguments["tracker"]
        while tracker.waiting and tracker.offline is None:
            time.sleep(0.002)
        clock["recorded"] = time.perf_counter()
        if not conclude:
            raise Enough
        return ended

    opening.work, search.loop = working, looping  # type: ignore[assignment]


def options(order: Mapping[str, Any]) -> list[str]:
    """The arguments of `tuner`: random trials, none of them stopped early."""
    told = {"--trials": order["trials"], "--seed": order["seed"], "--sampler": "random", "--pruner": "none"}
    return ["search", order["study"], *(str(each) for pair in told.items() for each in pair), *order["options"]]


def _results(study: str) -> list[dict[str, Any]]:
    from tuner.home import Home
    from tuner.ledger import Ledger

    ledger, found = Ledger.lookup(Home.here(), study)
    return [
        {"values": dict(r.trial.values), "epochs": len(r.history), "state": r.state.value}
        for r in sorted(ledger.results(found), key=lambda r: r.trial.number)
    ]


if __name__ == "__main__":
    answering(answer)
