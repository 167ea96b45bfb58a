"""The command line itself: what it costs, what it documents, how it refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tuner import cli, study
from tuner.commands import searching

ROOT = Path(__file__).parent.parent
HEAVY = ("tensorflow", "keras", "mlflow", "optuna", "pandas", "sklearn", "scipy", "matplotlib")


def tuner(*arguments: str, folder: Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuner.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, **options)  # type: ignore[call-overload]


def imported_by(code: str, folder: Path) -> set[str]:
    """The top-level packages that are in memory after a piece of code."""
    ending = "import sys; print('|'.join({name.partition('.')[0] for name in sys.modules}))"
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ending}"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    return set(told.stdout.splitlines()[-1].split("|"))


def as_command(*arguments: str) -> str:
    return (
        f"import sys; sys.argv = ['tuner', *{list(arguments)!r}]\nfrom tuner.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )


def test_help_imports_only_click_and_what_python_has(tmp_path: Path) -> None:
    found = imported_by(as_command("--help"), tmp_path)
    assert "click" in found
    assert not found & {*HEAVY, "numpy", "pydantic", "sqlalchemy", "rich"}


@pytest.mark.parametrize("arguments", [["studies"], ["schema"], ["show", "diabets"]])
def test_light_commands_import_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    assert not imported_by(as_command(*arguments), tmp_path) & set(HEAVY)


def test_a_bad_study_file_is_told_without_a_heavy_import(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[data]\nsource = "x.csv"\n[space]\nunit = 3\n')
    assert not imported_by(as_command("search", "bad.toml"), tmp_path) & set(HEAVY)


def test_the_choices_are_those_of_study_files() -> None:
    assert searching.DRIVERS == study.DRIVERS
    assert searching.SAMPLERS == study.SAMPLERS
    assert searching.PRUNERS == study.PRUNERS
    assert searching.TRAINERS == study.TRAINERS


def commands() -> list[tuple[str, click.Command]]:
    return list(cli.cli.commands.items())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_says_what_it_does(name: str, command: click.Command) -> None:
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize(("name", "command"), commands())
def test_the_readme_has_every_command_and_option(name: str, command: click.Command) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"tuner {name}" in readme
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert re.search(rf"`[^`\n]*{re.escape(parameter.opts[-1])}\b[^`\n]*`", readme), f"{name} {parameter.opts}"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serch"], "error: no command 'serch'. Did you mean 'search'? Type: tuner --help"),
        (["search"], "error: Missing argument 'STUDY'."),
        (["search", "diabets"], "error: no study 'diabets'. Did you mean 'diabetes'? Studies: "),
        (
            ["search", "diabetes", "--trial", "3"],
            "error: No such option '--trial'. (Did you mean one of: '--time', '--trainer', '--trials'?)",
        ),
        (["search", "diabetes", "--trials", "0"], "error: Invalid value for '--trials': 0 is not in the range x>=1."),
        (["search", "diabetes", "--sampler", "tpee"], "error: Invalid value for '--sampler': 'tpee' is not one of "),
        (
            ["search", "diabetes", "--time", "soon"],
            "error: --time: expected a time such as 90s, 10m or 1h30m, got 'soon'",
        ),
        (["search", "diabetes", "--data", "missing.csv"], "missing.csv"),
        (
            ["search", "diabetes", "--data", "kears:mnist"],
            "error: --data: expected a file or one of openml:NAME, sklearn:NAME, keras:NAME, got 'kears:mnist'.",
        ),
        (["show", "diabetes"], "error: nothing was searched under 'diabetes' yet. Type: tuner search diabetes"),
        (["export", "diabetes", "-o", "out"], "error: nothing was searched under 'diabetes' yet."),
        (["predict", "diabetes", "rows.csv"], "error: nothing was searched under 'diabetes' yet."),
        (["replay", "diabetes", "0"], "error: nothing was searched under 'diabetes' yet."),
        (["delete", "diabetes"], "error: nothing was searched under 'diabetes' yet."),
        (["ui"], "mlflow.db: nothing is recorded yet. Type: tuner search diabetes"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], line: str) -> None:
    told = tuner(*arguments, folder=tmp_path)
    assert told.returncode == 2
    assert line in told.stderr
    assert told.stderr.startswith("error: ")
    assert len(told.stderr.splitlines()) == 1
    assert "Traceback" not in told.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["schema"], ["studies"], ["--help"]])
def test_an_output_that_is_full_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "tuner.cli", *arguments]
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=100)
    assert told.returncode == 2
    assert told.stderr == (
        "error: what is printed cannot be written (No space left on device). Send it to another place\n"
    )


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    told = tuner("--debug", "show", "diabetes", folder=tmp_path)
    assert told.returncode == 2
    assert "Traceback" in told.stderr
    assert told.stderr.splitlines()[-1].startswith("error: nothing was searched")


def test_all_problems_of_a_file_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(
        '[data]\nsource = "x.csv"\n[space]\nunit = 3\n[search]\ntrials = 0\nsampler = "tpee"\n'
    )
    told = tuner("search", "bad.toml", folder=tmp_path)
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 3
    assert all(line.startswith("error: bad.toml: ") for line in told.stderr.splitlines())


def test_studies_lists_those_that_are_shipped(tmp_path: Path) -> None:
    told = tuner("studies", folder=tmp_path)
    assert told.returncode == 0
    for name in ("diabetes", "breast-cancer"):
        assert re.search(rf"^{name} .* 0/\d+", told.stdout, re.MULTILINE)
    assert not list(tmp_path.iterdir())


def test_a_study_that_cannot_be_read_is_told_below_the_list(tmp_path: Path) -> None:
    def width(table: str) -> int:
        return max(len(line.rstrip()) for line in table.splitlines())

    without = tuner("studies", folder=tmp_path).stdout.partition("\n\n")[0]
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "broken.toml").write_text('[data]\nsource = "x.csv"\n[space]\nactivation = "rellu"\n')
    table, _, below = tuner("studies", folder=tmp_path).stdout.partition("\n\n")
    (row,) = [line for line in table.splitlines() if line.startswith("broken")]
    assert row.rstrip().endswith("cannot be read, see below")
    assert width(table) <= width(without) + len("cannot be read, see below")
    assert below.startswith(
        "studies/broken.toml: space.activation: unknown value 'rellu'. Did you mean 'relu'? Known: "
    )
    assert "rellu" not in table


def test_schema_is_json(tmp_path: Path) -> None:
    told = tuner("schema", folder=tmp_path)
    assert "learning_rate" in json.loads(told.stdout)["properties"]["space"]["properties"]


@pytest.mark.parametrize(
    ("study_text", "environment", "line"),
    [
        ('metric = "val_rmse"', {}, "objective.metric: the data is a multiclass task, expected one of"),
        ("[training]\nbatch_size = 5000", {}, "batch_size"),
        ("", {"MLFLOW_TRACKING_URI": "htp://somewhere"}, "MLFLOW_TRACKING_URI: expected "),
    ],
)
def test_what_is_wrong_only_with_the_rows_at_hand_is_told_before_anything_is_written(
    tmp_path: Path, study_text: str, environment: dict[str, str], line: str
) -> None:
    head = '[data]\nsource = "sklearn:wine"\n[space]\nlayers = 1\n'
    (tmp_path / "w.toml").write_text(head + ("[objective]\n" if "metric" in study_text else "") + study_text + "\n")
    told = tuner("search", "w.toml", folder=tmp_path, env={**os.environ, **environment})
    assert told.returncode == 2
    assert line in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.toml"]
