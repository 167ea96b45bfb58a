"""What is searched: data, space and training as study files, and the arrays that the peers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.home import Home
from tuner.trial import Value

if TYPE_CHECKING:
    from tuner.data.split import Split
    from tuner.study import Study

ROOT = Path(__file__).parents[2]
HOME = Home(ROOT)


@dataclass(frozen=True)
class Task:
    """A study without its `[training]` and `[search]`, and how it is trained. There is no early stopping."""

    name: str
    document: str
    epochs: int
    batch_size: int

    def write(self, root: Path, epochs: int | None = None) -> Home:
        """A home with the study in it, which hides a shipped one of its name."""
        file = root / "studies" / f"{self.name}.toml"
        file.parent.mkdir(parents=True)
        training = f"[training]\nepochs = {epochs or self.epochs}\nbatch_size = {self.batch_size}\n"
        file.write_text(f"{self.document}\n{training}", encoding="utf-8")
        return Home(root)

    def save_arrays(self, root: Path) -> Path:
        """The folder with the parts of the rows, transformed as they are for our own trainers."""
        _, split = opened(self.write(root), self.name)
        split.save(root / "split")
        return root / "split"


def opened(home: Home, name: str) -> tuple[Study, Split]:
    """A study of that home, and its rows in three parts."""
    from tuner import opening

    study = opening.study(name, None, home, {})
    return study, opening.split(study, home)


def _mnist(width: int) -> Task:
    """Two hidden layers; trials differ in learning rate, optimizer and dropout. The file may lie in a data folder."""
    file = (HOME.data or Path()) / "mnist.npz"
    source = str(file.absolute()) if file.is_file() else "keras:mnist"
    document = f"""
[data]
source = "{source}"
[space]
layers        = 2
units         = {width}
activation    = "relu"
dropout       = {{ float = [0.0, 0.5], step = 0.1 }}
optimizer     = {{ choice = ["adam", "sgd", "rmsprop"] }}
learning_rate = {{ float = [1e-4, 1e-1], log = true }}
"""
    return Task(f"mnist-{width}", document, epochs=2, batch_size=128)


def tasks() -> Mapping[str, Task]:
    """By name. California housing has the space of the diabetes study, so that nobody chose one for it."""
    shipped = (ROOT / "studies" / "diabetes.toml").read_text(encoding="utf-8").partition("\n[training]")[0]
    space = shipped[shipped.index("\n[space]") :]
    found = (
        Task("diabetes", shipped, epochs=50, batch_size=32),
        Task("california", f'[data]\nsource = "sklearn:california_housing"\n{space}', epochs=20, batch_size=128),
        _mnist(256),
        _mnist(512),
    )
    return {task.name: task for task in found}


def arithmetic(values: Mapping[str, Value], epochs: int, ends: tuple[int, int], rows: tuple[int, int]) -> int:
    """The floating-point operations of a dense trial's matrix products, nothing padded.

    `ends` are the numbers of inputs and outputs, `rows` those of train and validation rows. A train row costs two
    operations a weight forward and four backward, a validation row two; biases, activations and the optimizer are left
    out.
    """
    layers = range(1, int(values["layers"]) + 1)
    widths = [ends[0], *(int(values.get(f"units_{layer}", values.get("units", 0))) for layer in layers), ends[1]]
    weights = sum(a * b for a, b in pairwise(widths))
    return weights * epochs * (6 * rows[0] + 2 * rows[1])


def depth(values: Sequence[Mapping[str, Value]]) -> float:
    """The mean number of hidden layers."""
    return sum(int(each.get("layers", 2)) for each in values) / len(values)
