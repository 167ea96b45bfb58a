"""Texts and names as TOML has them."""

from __future__ import annotations

import tomllib

import pytest

from tuner import toml

TEXTS = [
    "",
    "plain",
    'say "hi" \\ [%]',
    "Größe; in cm",
    "a\nb\tc\r",
    "\x00\x1b[31m\x7f\x9b",
    "a\xa0b\u202e",
    "👩\u200d🔬\U000e0001",
]


@pytest.mark.parametrize("given", TEXTS)
def test_a_text_comes_back_as_it_was_and_is_seen_whole(given: str) -> None:
    assert tomllib.loads(f"{toml.key(given)} = {toml.text(given)}") == {given: given}
    assert toml.text(given).isprintable()
    assert toml.key(given).isprintable()


def test_only_names_that_need_them_have_quotes() -> None:
    assert [toml.key(name) for name in ("a_1-B", "ä", "a b", "a.b", "")] == ["a_1-B", '"ä"', '"a b"', '"a.b"', '""']
    assert toml.text("Größe") == '"Größe"'
