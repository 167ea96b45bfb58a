"""The owner's ends of the processes that train, and how many of them may be at work at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import cast

from tuner.trainers.messages import Answer, Round
from tuner.trainers.processes import Child, Raised
from tuner.trainers.stacked import Key, key_of
from tuner.trial import Trial

# In place of the bucket of a trial that is not stacked.
ALONE = "alone"
# So many trials wait in the worker itself, so that a lane that frees up is refilled before the owner hears of it.
_AHEAD = 1


@dataclass(slots=True)
class Party:
    """Trials that take a seat together.

    Those of one `bucket` can share a stack with so many `lanes`. Nobody joins those who are `apart`, because one of
    them may have killed a worker. `overtaken` counts younger ones that were seated before.
    """

    trials: tuple[Trial, ...]
    bucket: Hashable
    lanes: int
    apart: bool = False
    overtaken: int = 0

    @property
    def room(self) -> int:
        """How many trials a seat takes where it comes to such ones."""
        return len(self.trials) if self.apart else 1 if self.bucket == ALONE else self.lanes + _AHEAD


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended, the last line of the story in short, or which exception it raised.

    One of the `suspects` may be why; the `others` had not begun.
    """

    story: str
    raised: bool
    suspects: tuple[Trial, ...]
    others: tuple[Trial, ...]
    bucket: Hashable
    seconds: float


class Seat:
    """One process, begun when it is needed, and the trials that were given to it and have no result yet."""

    def __init__(self, begin: Callable[[], Child]) -> None:
        self.inside: dict[Key, Trial] = {}
        self.bucket: Hashable = None  # of those that came last; its program stays compiled here
        self.apart = False
        self._begin = begin
        self._room = 0
        self._child: Child | None = None
        self._training: tuple[Key, ...] = ()
        self._new: list[Trial] = []
        self._listens = True
        self._since = 0.0

    @property
    def line(self) -> Connection | None:
        return self._child.line if self._child is not None else None

    @property
    def room(self) -> int:
        """How many trials it takes, while those are inside who are."""
        return len(self.inside) if self.apart else self._room

    def warm(self) -> None:
        """Begins the process, where there is none."""
        if self._child is None:
            self._child = self._begin()

    def take(self, party: Party) -> None:
        """Lets a party in. They go to the process with the next answer, or with `send` where nobody is there."""
        self.warm()
        self._since = self._since if self.inside else time.perf_counter()
        self.inside |= {key_of(trial): trial for trial in party.trials}
        self.bucket, self.apart, self._room = party.bucket, party.apart, party.room
        self._new += party.trials

    def send(self) -> None:
        """Gives a process that has nothing to do what is new."""
        if self._listens and self._new:
            self.answer(frozenset())

    def hear(self) -> Round | Death:
        """What the process says, once it says something, or how it ended; then there is none any more."""
        assert self._child is not None
        message = self._child.hear()
        if not isinstance(message, Round):
            return self._died(self._child, message)
        for result in message.results:
            del self.inside[key_of(result.trial)]
        self._training, self._listens = message.training, True
        return message

    def answer(self, stopped: frozenset[int]) -> None:
        """Tells the process which trials stop, and gives it those that are new."""
        if self._child is not None:
            self._child.say(Answer(stopped, tuple(self._new)))
            self._new.clear()
            self._listens = not self.inside

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        if self._child is not None:
            self._child.kill()
        self._child, self._training, self._listens = None, (), True
        self.inside.clear()
        self._new.clear()

    def _died(self, child: Child, message: Raised | None) -> Death:
        # Where it had not begun with any, what comes before that may be why.
        begun = [key for key in self.inside if key in self._training] or list(self.inside)
        found = Death(
            story=message.traceback if message is not None else child.death(),
            raised=message is not None,
            suspects=tuple(self.inside[key] for key in begun),
            others=tuple(trial for key, trial in self.inside.items() if key not in begun),
            bucket=self.bucket,
            seconds=time.perf_counter() - self._since,
        )
        self.end()
        return found


class Seats:
    """Seats for stacks, which stay, and for single trials, which come and go; at most `most` are in use at a time."""

    def __init__(self, most: int, stack: Callable[[], Child] | None, single: Callable[[], Child]) -> None:
        self.most = most
        self.stacks = [Seat(stack) for _ in range(most)] if stack is not None else []
        self._single = single
        self._singles: list[Seat] = []

    @property
    def busy(self) -> list[Seat]:
        return [seat for seat in (*self.stacks, *self._singles) if seat.inside]

    @property
    def free(self) -> int:
        """How many more may be in use."""
        return self.most - len(self.busy)

    @property
    def inside(self) -> int:
        """How many trials have a seat."""
        return sum(len(seat.inside) for seat in self.busy)

    def warm(self) -> None:
        """Begins the processes of stacks, so that the first trials need not wait for them."""
        for seat in self.stacks:
            seat.warm()

    def single(self) -> Seat:
        """One more seat, for a single trial."""
        self._singles.append(Seat(self._single))
        return self._singles[-1]

    def ready(self, timeout: float) -> Iterator[Seat]:
        """Those whose process has something to say within that time, or has ended."""
        lines = {seat.line: seat for seat in (*self.stacks, *self._singles) if seat.line is not None}
        for line in wait([line for line in lines if line is not None], timeout):
            yield lines[cast(Connection, line)]  # on Windows it is a class of its own

    def send(self) -> None:
        """Gives those that have nothing to do what is new."""
        for seat in self.busy:
            seat.send()

    def leave(self) -> None:
        """Ends the processes of single trials that have their results."""
        for seat in [seat for seat in self._singles if not seat.inside]:
            seat.end()
            self._singles.remove(seat)

    def end(self) -> None:
        """Ends all processes."""
        for seat in (*self.stacks, *self._singles):
            seat.end()
        self._singles.clear()
