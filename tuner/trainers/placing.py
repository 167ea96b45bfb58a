"""Who sits where: which waiting trials go to which process.

A stack is worth most when it is full, and a program is compiled in each process that needs it. So trials go where
their like are, the oldest first; a process without any takes the oldest that nobody else does. Those that fit nowhere
claim a seat the more loudly the more and the older they are, until the least used one is not refilled any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from tuner.trainers.seats import ALONE, Party, Seat, Seats

# One that was overtaken so often counts as one more.
_OVERTAKEN = 4


@dataclass(frozen=True, slots=True)
class _Leaving:
    """The seat that is not refilled, so that others may have it, and the bucket of those."""

    seat: Seat | None = None
    heir: Hashable = None


def place(waiting: list[Party], seats: Seats) -> None:
    """Seats those who wait, as far as there is room, and takes them off the list."""
    leaving = _leaving(waiting, seats)
    for find in (_with_its_like, _behind_the_last):
        for party in list(waiting):
            seat = find(party, waiting, seats, leaving)
            if seat is not None:
                _take_off(waiting, party)
                seat.take(party)


def _take_off(waiting: list[Party], party: Party) -> None:
    place = next(i for i, each in enumerate(waiting) if each is party)
    for older in waiting[:place]:
        older.overtaken += len(party.trials)
    del waiting[place]


def _with_its_like(party: Party, waiting: list[Party], seats: Seats, leaving: _Leaving) -> Seat | None:
    """A seat with others of its bucket, or one that is not in use where there is none, or enough of them for all."""
    likes = [seat for seat in seats.busy if _welcomes(seat, party) and seat is not leaving.seat]
    others = _claims(waiting, seats).keys() - {party.bucket}
    if seats.free and (not likes or seats.free > len(others)):
        return _unused(party, seats)
    return min(likes, key=lambda seat: len(seat.inside), default=None)


def _behind_the_last(party: Party, _: list[Party], seats: Seats, leaving: _Leaving) -> Seat | None:
    """A seat at which a stack is about to end, and that nobody else is to have."""
    if party.apart or party.bucket == ALONE:
        return None
    ending = [seat for seat in seats.busy if len(seat.inside) == 1 and not seat.apart and seat.bucket != ALONE]
    return next((seat for seat in ending if seat is not leaving.seat or party.bucket == leaving.heir), None)


def _unused(party: Party, seats: Seats) -> Seat:
    if party.bucket == ALONE:
        return seats.single()
    unused = [seat for seat in seats.stacks if not seat.inside]
    return next((seat for seat in unused if seat.bucket == party.bucket), unused[0])


def _welcomes(seat: Seat, party: Party) -> bool:
    shares = party.bucket != ALONE and seat.bucket == party.bucket
    return shares and not party.apart and len(seat.inside) < seat.room


def _claims(waiting: list[Party], seats: Seats) -> Counter[Hashable]:
    """How loudly those claim a seat, by bucket, who have none with their like."""
    homes = {seat.bucket for seat in seats.busy if not seat.apart} - {ALONE}
    claims: Counter[Hashable] = Counter()
    for party in waiting:
        if party.apart or party.bucket not in homes:
            # Those who are apart want a seat that is not in use, too.
            claims[ALONE if party.apart else party.bucket] += len(party.trials) + party.overtaken // _OVERTAKEN
    return claims


def _leaving(waiting: list[Party], seats: Seats) -> _Leaving:
    stacks = [seat for seat in seats.busy if not seat.apart and seat.bucket != ALONE]
    loudest = _claims(waiting, seats).most_common(1)
    if seats.free or not stacks or not loudest:
        return _Leaving()
    least = min(stacks, key=lambda seat: len(seat.inside))
    bucket, claim = loudest[0]
    return _Leaving(least, bucket) if claim > len(least.inside) else _Leaving()
