"""Who sits where, without processes: parties and seats by hand."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.trainers.placing import place
from tuner.trainers.seats import ALONE, Party, Seats
from tuner.trial import Trial


class Silent:
    """A process that is never asked anything."""

    line = None

    def kill(self) -> None: ...


def seats(count: int) -> Seats:
    return Seats(count, Silent, Silent)  # type: ignore[arg-type]


def waiting(kinds: str, lanes: int = 2, first: int = 0) -> list[Party]:
    """A trial for each letter, its bucket; `!` stands for one that is not stacked."""
    return [Party((Trial(first + i, {}, 0, 1),), ALONE if kind == "!" else kind, lanes) for i, kind in enumerate(kinds)]


def seated(hall: Seats) -> list[list[int]]:
    """The numbers of the trials at each seat in use."""
    return [[trial.number for trial in seat.inside.values()] for seat in hall.busy]


def numbers(parties: Sequence[Party]) -> list[int]:
    return [trial.number for party in parties for trial in party.trials]


def end(hall: Seats, *ended: int) -> None:
    """Trials end."""
    for seat in hall.busy:
        for key in [key for key in seat.inside if key[0] in ended]:
            del seat.inside[key]
    hall.leave()


def test_like_goes_with_like_and_one_waits_in_the_worker() -> None:
    hall, line = seats(2), waiting("xyxyxxyy")
    place(line, hall)
    assert seated(hall) == [[0, 2, 4], [1, 3, 6]]
    assert numbers(line) == [5, 7]


def test_where_there_are_seats_for_all_they_spread() -> None:
    hall, line = seats(3), waiting("xxxx")
    place(line, hall)
    assert seated(hall) == [[0, 3], [1], [2]]


def test_a_seat_is_kept_for_those_who_have_none() -> None:
    hall, line = seats(2), waiting("xxxy")
    place(line, hall)
    assert seated(hall) == [[0, 1, 2], [3]]


def test_who_fits_nowhere_waits_until_a_stack_is_about_to_end() -> None:
    hall, line = seats(1), waiting("xxy")
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[0, 1]], [2])
    end(hall, 0)
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[1, 2]], [])


def test_a_seat_goes_back_to_whose_program_it_has() -> None:
    hall, line = seats(2), waiting("xy", lanes=1)
    place(line, hall)
    end(hall, 0, 1)
    line = waiting("y", lanes=1, first=2)
    place(line, hall)
    assert [seat.bucket for seat in hall.busy] == ["y"]
    assert hall.busy[0] is hall.stacks[1]


def test_a_trial_without_a_stack_takes_a_seat_of_its_own() -> None:
    hall, line = seats(2), waiting("!x!x")
    place(line, hall)
    assert sorted(seated(hall)) == [[0], [1, 3]]
    assert (hall.free, numbers(line)) == (0, [2])
    end(hall, 0)
    place(line, hall)
    assert sorted(seated(hall)) == [[1, 3], [2]]


def test_those_who_are_apart_are_joined_by_nobody() -> None:
    hall = seats(1)
    line = [Party((Trial(0, {}, 0, 1), Trial(1, {}, 0, 1)), "x", 4, apart=True), *waiting("xx", 4, first=2)]
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[0, 1]], [2, 3])
    end(hall, 0)
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[1]], [2, 3])
    end(hall, 1)
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[2, 3]], [])


def test_nobody_waits_for_ever() -> None:
    """One stack is always refilled by its like, unless somebody else has waited long enough."""
    for kind in "y!":
        hall, line = seats(1), waiting(f"xxx{kind}")
        for number in range(4, 100):
            place(line, hall)
            if 3 in numbers_inside(hall):
                break
            end(hall, min(numbers_inside(hall)))
            line += waiting("x", first=number)
        else:
            raise AssertionError(f"{kind} never had its turn")


def numbers_inside(hall: Seats) -> list[int]:
    return [number for seat in seated(hall) for number in seat]


def test_the_many_who_wait_are_not_held_up_by_the_few_who_sit() -> None:
    hall, line = seats(1), waiting("xx" + "y" * 5, lanes=6)
    place(line, hall)
    assert seated(hall) == [[0, 1]]
    line += waiting("x", lanes=6, first=7)
    place(line, hall)
    assert seated(hall) == [[0, 1]]  # not refilled
    end(hall, 0)
    place(line, hall)
    place(line, hall)
    assert (seated(hall), numbers(line)) == ([[1, 2, 3, 4, 5, 6]], [7])
