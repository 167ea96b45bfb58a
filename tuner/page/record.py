"""What a search was made with: its study, everything that decides its trials, and the versions of the packages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuner.home import Home
from tuner.packaging import MANIFEST, folder_of
from tuner.shown import Shown
from tuner.versions import versions

# The folders of an absolute path, before the name that they lead to.
_FOLDERS = re.compile(r"(?<![\w.:/~])~?(?:/[^\s/'\"]+)+/(?=[^\s/'\"])")


def document(shown: Shown, home: Home) -> dict[str, Any]:
    """The study's document, with files as a person names them: where they lie on a machine is nobody else's concern."""
    found = dict(shown.search.document)
    data = dict(found.get("data", {}))
    for key in ("source", "test"):
        path = Path(data[key]) if isinstance(data.get(key), str) else Path()
        if path.is_absolute():
            data[key] = str(path.relative_to(home.root) if path.is_relative_to(home.root) else path.name)
    return {**found, "data": data} if data else found


def without_folders(said: str) -> str:
    """A message of some library, with the files in it by their names alone."""
    return _FOLDERS.sub("", said)


def settings(shown: Shown) -> Iterator[tuple[str, str]]:
    """What decides the trials, defaults included; the space is in the study's own words."""
    yield "search.trials", str(shown.study.search.trials)
    for key, value in shown.study.settings().items():
        if value is not None and key.startswith(("objective.", "training.", "search.", "data.split.")):
            yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for result in shown.results:
        if result.trial.number == shown.champion:
            yield "the champion's own seed", str(result.trial.seed)
            yield from ((f"the champion's {name}", said) for name, said in result.program.items() if name == "trainer")


def versions_of(shown: Shown, home: Home) -> tuple[str, dict[str, str]]:
    """What made the champion, as its manifest says; without one, what is installed here."""
    if shown.champion is not None:
        path = folder_of(home.search(shown.search.label), shown.champion) / MANIFEST
        try:
            return "when the champion was packed", dict(json.loads(path.read_text(encoding="utf-8"))["versions"])
        except (OSError, ValueError, KeyError):
            pass
    return "on the machine that wrote this page", versions()
