"""Imports point to a lower level or stay in their room, never in a circle, and heavy libraries stay in theirs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tuner"

# The files that lie in `tuner/` itself form a room for each level; a folder is a room of its own.
LEVELS: Mapping[int, str] = {
    0: "errors npz quiet toml versions",
    1: "trial parameters rules counting space tunables sizing metrics home wording lineage",
    2: "study document sections entries rule_entries defaults strict model_file own_entries",
    3: "data models drivers trackers ledger",
    4: "trainers plots",
    5: "watch search opening discovering conclusion packaging evaluate export replay deletion report live tables shown"
    " table_formats inferring looks drafting carrying spaces",
    6: "service page exchange",
    7: "commands",
    8: "cli",
}
LEVEL = {name: level for level, names in LEVELS.items() for name in names.split()}

# Where a library may be imported at all, in functions too. Any other one is free.
ROOMS: Mapping[str, str] = {
    "optuna": "drivers exchange",
    "keras_tuner": "drivers models trainers",
    "mlflow": "trackers models.pyfunc models.mlflow_model",
    "tensorflow": "models trainers",
    "keras": "models trainers packaging",
    "sqlalchemy": "ledger trackers.store trackers.writing exchange.storage",
    "pydantic": "study sections entries own_entries strict",
    "pydantic_core": "study sections entries strict",
    "matplotlib": "plots",
    "click": "cli commands",
    "rich": "report cli live",
    "jinja2": "page",
    "markupsafe": "page",
}
# Modules that every command imports, or that stand between a person and an error message.
LIGHT = (
    "errors trial parameters rules counting space tunables metrics home study document sections entries rule_entries"
    " defaults strict wording evaluate plots.searches plots.champions plots.comparisons cli"
)
HEAVY = {"numpy", "pandas", "sklearn", "scipy", "matplotlib", "tensorflow", "keras", "mlflow", "optuna", "sqlalchemy"}


@dataclass(frozen=True)
class Import:
    """One import statement: who imports which dotted name, and whether for its types only."""

    importer: str
    name: str
    line: int
    typing: bool

    def __str__(self) -> str:
        return f"tuner/{self.importer.replace('.', '/')}.py:{self.line} imports {self.name}"


def modules(package: Path) -> dict[str, Path]:
    """Every module by its dotted name without `tuner.`; a folder's `__init__` is the folder's name."""
    files = {path: path.relative_to(package).with_suffix("").parts for path in sorted(package.rglob("*.py"))}
    named = {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in files.items()}
    named.pop("", None)
    return named


def imports(importer: str, source: str, known: Mapping[str, object]) -> Iterator[Import]:
    """The imports of a module; `from tuner.a import b` is of `tuner.a.b` where that is a module."""

    def visit(node: ast.AST, typing: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                assert not child.level, f"tuner/{importer}: a relative import"
                stem = child.module or ""
                names = [
                    f"{stem}.{alias.name}" if f"{stem}.{alias.name}".removeprefix("tuner.") in known else stem
                    for alias in child.names
                ]
            else:
                guard = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                yield from visit(child, typing or guard)
                continue
            for name in dict.fromkeys(names):
                yield Import(importer, name, child.lineno, typing)

    yield from visit(ast.parse(source), False)


def room(module: str) -> str:
    """The folder of a module, or the level where it lies in no folder."""
    first = module.partition(".")[0]
    return first if (PACKAGE / first).is_dir() else f"level {LEVEL[first]}"


def upward(each: Import) -> bool:
    """Whether an import of ours breaks the rule; the package itself holds nothing but a version."""
    target = each.name.removeprefix("tuner").removeprefix(".")
    if not target:
        return False
    mine, other = each.importer.partition(".")[0], target.partition(".")[0]
    return LEVEL[other] >= LEVEL[mine] and room(other) != room(mine)


def within(module: str, places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places.split())


MODULES = modules(PACKAGE)
IMPORTS = [each for name, path in MODULES.items() for each in imports(name, path.read_text("utf-8"), MODULES)]
OURS = [each for each in IMPORTS if each.name.partition(".")[0] == "tuner"]


@pytest.mark.parametrize("module", sorted({name.partition(".")[0] for name in MODULES}))
def test_every_module_has_a_level(module: str) -> None:
    assert module in LEVEL, f"give tuner/{module} a level in {Path(__file__).name}"


def test_no_import_points_upward() -> None:
    assert [str(each) for each in OURS if upward(each)] == []


def test_no_circle() -> None:
    graph = {name: set[str]() for name in MODULES}
    for each in OURS:
        target = each.name.removeprefix("tuner").removeprefix(".")
        if target in graph and target != each.importer and not each.typing:
            graph[each.importer].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' ← '.join(error.args[1])}")


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_stays_in_its_room(library: str) -> None:
    mine = [each for each in IMPORTS if each.name.partition(".")[0] == library]
    assert [str(each) for each in mine if not within(each.importer, ROOMS[library])] == []


@pytest.mark.parametrize("module", LIGHT.split())
def test_a_light_module_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, tuner.{module}; print(*set(sys.modules) & {HEAVY})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_the_owner_of_a_search_never_imports_tensorflow() -> None:
    code = "import sys, tuner.search; print(*set(sys.modules) & {'tensorflow', 'keras', 'keras_tuner'})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("importer", "source", "wrong"),
    [
        ("trial", "from tuner import errors", False),
        ("space", "from tuner.trial import Value", False),
        ("trial", "from tuner.study import Study", True),
        ("trial", "def f():\n    import tuner.study", True),
        ("data.split", "from tuner.data.parts import draw", False),
        ("data.split", "from tuner.models import dense", True),
        ("trainers.plain", "from tuner import data", False),
        ("search", "from tuner import conclusion", False),
        ("search", "from tuner import cli", True),
        ("search", "from tuner.commands import looking", True),
        ("commands.looking", "from tuner import cli", True),
        ("cli", "from tuner.commands import looking", False),
        ("cli", "from tuner import __version__", False),
    ],
)
def test_the_rule_can_fail(importer: str, source: str, wrong: bool) -> None:
    assert [upward(each) for each in imports(importer, source, MODULES)] == [wrong]


def test_imports_are_seen_wherever_they_stand() -> None:
    source = "if TYPE_CHECKING:\n    import a\ndef f():\n    import b\nclass C:\n    from c import d\n"
    assert [(each.name, each.typing) for each in imports("x", source, {})] == [("a", True), ("b", False), ("c", False)]
