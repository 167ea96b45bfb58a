"""One line a problem, and the nearest right word."""

import pytest

from tuner import errors
from tuner.errors import SearchFailed, StudyError, TunerError, listing, nearest


def test_each_problem_is_one_line() -> None:
    error = StudyError("a: wrong", "b: wrong too")
    assert error.problems == ("a: wrong", "b: wrong too")
    assert str(error) == "a: wrong\nb: wrong too"


def test_what_came_cannot_break_the_line_or_steer_the_terminal() -> None:
    assert StudyError("got 'a\nb\x1b[31m\udc80é'").problems == (r"got 'a\nb\x1b[31m\udc80é'",)


def test_a_failed_search_has_another_exit_code_than_wrong_input() -> None:
    codes = {kind.__name__: kind.exit_code for kind in vars(errors).values() if _is_ours(kind)}
    assert codes.pop("SearchFailed") == 1
    assert set(codes.values()) == {2}
    assert len(codes) >= 5


def _is_ours(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, TunerError)


def test_every_error_of_ours_can_be_caught_as_one() -> None:
    with pytest.raises(TunerError, match="nothing completed"):
        raise SearchFailed("nothing completed")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("diabets", " Did you mean 'diabetes'?"),
        ("DIABETES", " Did you mean 'diabetes'?"),
        ("outcome", " Did you mean 'Outcome'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_nearest(word: str, hint: str) -> None:
    assert nearest(word, ["diabetes", "iris", "Outcome"]) == hint


def test_listing_is_cut_where_nobody_would_read_on() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing([str(i) for i in range(20)], most=3) == "0, 1, 2, … (20 in all)"
