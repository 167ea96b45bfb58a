"""Bad input, study files: one line for each thing that is wrong, all of a file at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.study_files import DATA, SPACE, Write, data, space, with_
from tuner import study
from tuner.errors import StudyError
from tuner.tunables import TUNABLES

KNOWN = ", ".join(TUNABLES)


BAD: list[tuple[str, str | bytes, list[str]]] = [
    # the file itself
    ("empty", "", ["is empty. A study needs at least [data] with a source"]),
    ("blank", " \n\t\n", ["is empty. A study needs at least [data] with a source"]),
    ("not UTF-8", b"title = '\xe9'", ["not UTF-8 text (byte 9). Save it as UTF-8"]),
    ("syntax error", "[data\n",
     ["not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"]),
    ("duplicate key", "title = 'a'\ntitle = 'b'\n", ["not valid TOML: a key is given twice (at line 2, column 12)"]),
    ("duplicate section", f"{DATA}{DATA}", ["not valid TOML: Cannot declare ('data',) twice (at line 3, column 6)"]),
    ("bottomless", "a = " + "[" * 5000, ["not valid TOML: nested too deeply, or a number too long"]),
    ("a number of thousands of digits", "a = " + "1" * 5000,
     ["not valid TOML: nested too deeply, or a number too long"]),
    ("only comments", "# to do\n", [
        "data: is missing. Expected [data] with a source: where the rows come from and what they mean",
    ]),
    # keys
    ("unknown section", f"{DATA}{SPACE}[serach]\n",
     ["serach: unknown key. Did you mean 'search'? Known: title, data, objective, model, space, start, training, "
      "search"]),
    ("unknown key", with_("objective", "zzz = 1"), ["objective.zzz: unknown key. Known: metric, goal, epoch"]),
    ("unknown key in a section of a section", data("split = { tset = 0.2 }"),
     ["data.split.tset: unknown key. Did you mean 'test'? Known: validation, test, stratify, group, time, seed"]),
    ("unknown key of an optional section", with_("training", "early_stopping = { patience = 3, delta = 0.1 }"),
     ["training.early_stopping.delta: unknown key. Did you mean 'min_delta'? Known: patience, min_delta"]),
    ("name of the program's own", f"name = 'x'\n{DATA}{SPACE}", ["name: unknown key, it is set by the file itself"]),
    ("missing key", f"[data]\n{SPACE}",
     ["data.source: is missing. Expected a .csv, .parquet or .npz file, openml:NAME@VERSION, sklearn:NAME, "
      "keras:NAME or FILE.py:FUNCTION"]),
    ("missing key of an optional section", with_("training", "early_stopping = {}"),
     ["training.early_stopping.patience: is missing. Expected epochs to wait for a better objective"]),
    # types
    ("text for a number", with_("training", "epochs = 'a'"), ["training.epochs: expected a whole number, got 'a'"]),
    ("fraction for a whole number", with_("training", "epochs = 1.5"),
     ["training.epochs: expected a whole number, got 1.5"]),
    ("true is not 1", with_("training", "epochs = true"), ["training.epochs: expected a whole number, got true"]),
    ("1 is not true", data("split = { stratify = 1 }"), ["data.split.stratify: expected true or false, got 1"]),
    ("number for a text", f"title = 3\n{DATA}{SPACE}", ["title: expected a text, got 3"]),
    ("number for a table", f"space = 3\n{DATA}",
     ["space: expected a table of parameters, got 3"]),
    ("text for a section", f"training = 'a.csv'\n{DATA}{SPACE}", ["training: expected a table, got 'a.csv'"]),
    ("table for a text", f"{DATA}target = {{ a = 1 }}\n{SPACE}", ["data.target: expected a text, got a table"]),
    ("text for a list", data("drop = 'a'"), ["data.drop: expected a list, got 'a'"]),
    ("list where one of many types is due", data("labels = { a = [1] }"),
     ["data.labels.a: expected true or false, a number or a text, got [1]"]),
    ("date", f"title = 1979-05-27\n{DATA}{SPACE}",
     ["title: a date, expected a text, a number or true or false, got 1979-05-27. Put it in quotes"]),
    ("given twice in a list", data("drop = ['a', 'a']"), ["data.drop: 'a' is given twice"]),
    # ranges of the sections
    ("no trials", with_("search", "trials = 0"), ["search.trials: expected a value at least 1, got 0"]),
    ("negative trials", with_("search", "trials = -3"), ["search.trials: expected a value at least 1, got -3"]),
    ("trials beyond any column", with_("search", "trials = 99999999999999999999"),
     ["search.trials: expected a value at most 1000000000, got 99999999999999999999"]),
    ("negative seed", with_("search", "seed = -1"), ["search.seed: expected a value at least 0, got -1"]),
    ("no epochs", with_("training", "epochs = 0"), ["training.epochs: expected a value at least 1, got 0"]),
    ("share above one", data("split = { test = 2 }"), ["data.split.test: expected a value below 1.0, got 2"]),
    ("share that is no number", data("split = { test = nan }"), ["data.split.test: expected a finite number, got nan"]),
    ("no rows left to train on", data("split = { validation = 0.5, test = 0.5 }"),
     ["data.split: validation and test must leave rows to train on, got 0.5 + 0.5"]),
    ("group and time", data("split = { group = 'a', time = 'b' }"),
     ["data.split: group and time exclude each other; leave one out"]),
    ("stratify and group", data("split = { group = 'a', stratify = true }"),
     ["data.split: stratify cannot be combined with group; leave it out"]),
    ("target dropped", data("target = 'y'\ndrop = ['y']"),
     ["data: the target 'y' is also in drop; remove it from one of them"]),
    ("time without a unit", with_("search", "time = '10'"),
     ["search.time: expected a time such as 90s, 10m or 1h30m, got '10'"]),
    # words
    ("unknown metric", with_("objective", "metric = 'val_acuracy'"),
     ["objective.metric: expected one of val_accuracy, val_loss, val_f1, val_auc, val_rmse, val_mae, val_r2, got "
      "'val_acuracy'. Did you mean 'val_accuracy'?"]),
    ("metric of another task", data("task = 'regression'") + "[objective]\nmetric = 'val_accuracy'\n",
     ["objective.metric: the data is a regression task, expected one of val_rmse, val_mae, val_loss, val_r2,"
      " got 'val_accuracy'"]),
    ("unknown driver", with_("search", "driver = 'optima'"),
     ["search.driver: expected one of optuna, keras-tuner, got 'optima'. Did you mean 'optuna'?"]),
    ("unknown sampler", with_("search", "sampler = 'tpee'"),
     ["search.sampler: expected one of tpe, cma-es, nsga-ii, random, grid, qmc, hyperband, bayesian, got 'tpee'. "
      "Did you mean 'tpe'?"]),
    ("sampler of the other driver", with_("search", "sampler = 'bayesian'"),
     ["search.sampler: expected one of tpe, cma-es, nsga-ii, random, grid, qmc, got 'bayesian', which is of the "
      "driver keras-tuner"]),
    ("sampler of Optuna's", with_("search", "driver = 'keras-tuner'\nsampler = 'tpe'"),
     ["search.sampler: expected one of hyperband, bayesian, random, grid, got 'tpe', which is of the driver optuna"]),
    ("pruner without Optuna", with_("search", "driver = 'keras-tuner'\npruner = 'median'"),
     ["search.pruner: keras-tuner stops no trial early, got 'median'; leave it out"]),
    ("several objectives without Optuna", with_("objective", "metric = ['val_accuracy', 'params']")
     + "[search]\ndriver = 'keras-tuner'\n",
     ["search.driver: keras-tuner has one objective, expected optuna for several"]),
    ("epochs of Hyperband's",
     with_("search", "driver = 'keras-tuner'").replace(SPACE, f"{SPACE}epochs = {{ int = [1, 9] }}\n"),
     ["space.epochs: hyperband gives each trial its epochs, up to training.epochs; leave it out"]),
    ("unknown pruner", with_("search", "pruner = 3"),
     ["search.pruner: expected one of hyperband, successive-halving, median, none, got 3"]),
    ("unknown task", data("task = 'regresion'"),
     ["data.task: expected one of binary, multiclass, regression, got 'regresion'. Did you mean 'regression'?"]),
    ("unknown kind of source", f"[data]\nsource = 'opneml:a@1'\n{SPACE}",
     ["data.source: expected a file or one of openml:NAME, sklearn:NAME, keras:NAME, got 'opneml:a@1'. "
      "Did you mean 'openml'?"]),
    ("source without a version", f"[data]\nsource = 'openml:diabetes'\n{SPACE}",
     ["data.source: expected openml:NAME@VERSION, as openml:diabetes@1, got 'openml:diabetes'"]),
    ("source without a name", f"[data]\nsource = 'sklearn:'\n{SPACE}",
     ["data.source: expected sklearn:NAME, got 'sklearn:'"]),
    ("source of an unknown format", f"[data]\nsource = 'a.xlsx'\n{SPACE}",
     ["data.source: expected a file ending in .csv, .parquet, .npz, got 'a.xlsx'"]),
    ("short form of an unknown kind", f"data = 'a.xlsx'\n{SPACE}",
     ["data.source: expected a file ending in .csv, .parquet, .npz, got 'a.xlsx'"]),
    ("program without a function", f"data = 'a.py'\n{SPACE}",
     ["data.source: expected FILE.py:FUNCTION, as a.py:load, got 'a.py'"]),
    ("function of no name", f"data = 'a.py:'\n{SPACE}",
     ["data.source: expected FILE.py:FUNCTION, as a.py:load, got 'a.py:'"]),
    ("columns of arrays", f"[data]\nsource = 'a.py:load'\ndrop = ['x']\ntest = 'b.npz'\nsplit.group = 'g'\n{SPACE}",
     ["data.drop: names columns, and the arrays of a function have none; leave it out",
      "data.split.group: names a column, and the arrays of a function have none; leave it out",
      "data.test: the test rows come from the function, with the others; leave it out"]),
    ("test rows of an unknown format", data("test = 'a.xlsx'"),
     ["data.test: expected a file ending in .csv, .parquet, .npz, got 'a.xlsx'"]),
    # the space
    ("empty space", space(""), [f"space: expected at least one parameter. Known: {KNOWN}"]),
    ("unknown parameter", space("unit = 3"), [f"space.unit: unknown parameter. Did you mean 'units'? Known: {KNOWN}"]),
    ("low above high", space("units = { int = [128, 8] }"), ["space.units: low must be at most high, got [128, 8]"]),
    ("low equal to high", space("units = { int = [8, 8] }"),
     ["space.units: [8, 8] holds one value; write units = 8, or widen it"]),
    ("step beyond the range", space("units = { int = [8, 12], step = 8 }"),
     ["space.units: [8, 12] step 8 holds one value; write units = 8, or widen it"]),
    ("log from 0", space("learning_rate = { float = [0, 0.1], log = true }"),
     ["space.learning_rate: a log scale needs a low above 0, got [0.0, 0.1]"]),
    ("no step", space("units = { int = [8, 16], step = 0 }"), ["space.units: step must be above 0, got 0"]),
    ("step downward", space("dropout = { float = [0.0, 0.5], step = -0.1 }"),
     ["space.dropout: step must be above 0, got -0.1"]),
    ("fraction as the step of an int", space("units = { int = [8, 16], step = 0.5 }"),
     ["space.units: expected a whole number as the step of an int, got 0.5"]),
    ("log and step", space("units = { int = [8, 16], step = 2, log = true }"),
     ["space.units: log and step exclude each other; leave one out"]),
    ("infinite bound", space("learning_rate = { float = [0.1, inf] }"),
     ["space.learning_rate.float[2]: expected a finite number, got inf"]),
    ("bound that is no number", space("learning_rate = { float = [nan, 1.0] }"),
     ["space.learning_rate.float[1]: expected a finite number, got nan"]),
    ("bound beyond any number", space(f"batch_size = {{ int = [1, 1{'0' * 400}] }}"),
     [f"space.batch_size: expected a value from 1 to 1048576, got 1{'0' * 78}…"]),
    ("one bound", space("units = { int = [8] }"), ["space.units.int: expected two numbers, [low, high], got [8]"]),
    ("three bounds", space("units = { int = [1, 2, 3] }"),
     ["space.units.int: expected two numbers, [low, high], got [1, 2, 3]"]),
    ("no list of bounds", space("units = { int = 8 }"), ["space.units.int: expected two numbers, [low, high], got 8"]),
    ("texts as bounds", space("units = { int = ['a', 8] }"),
     ["space.units.int[1]: expected a whole number, got 'a'"]),
    ("no choices", space("activation = { choice = [] }"), ["space.activation: expected at least one choice, got []"]),
    ("a choice twice", space("activation = { choice = ['relu', 'relu'] }"),
     ["space.activation: the choice 'relu' is given twice"]),
    ("equal choices", space("l2 = { choice = [0, 0.0] }"), ["space.l2: the choice 0.0 is given twice"]),
    ("unknown choice", space("activation = { choice = ['rellu'] }"),
     [f"space.activation: {TUNABLES['activation'].problem('rellu')}"]),
    ("choice of another type", space("units = { choice = [8, 'a'] }"),
     ["space.units: expected a whole number, got 'a'"]),
    ("choice that is a list", space("units = { choice = [[8]] }"),
     ["space.units.choice[1]: expected true or false, a number or a text, got [8]"]),
    ("a value that makes no sense", space("dropout = { float = [0.0, 1.5] }"),
     ["space.dropout: expected a value from 0 to below 1.0, got 1.5"]),
    ("a bare list", space("units = [8, 16]"),
     ["space.units: expected { choice = [8, 16] } or { int = [low, high] }, got a bare list"]),
    ("a bare list of words", space("class_weight = ['balanced']"),
     ['space.class_weight: expected "balanced" or { choice = ["balanced"] }, got a bare list']),
    ("a bare list of what are no words", space("class_weight = [1.0, 3.0]"),
     ['space.class_weight: expected "none" or { choice = ["none", "balanced"] }, got a bare list']),
    ("weights by class", space("class_weight = { 0 = 1.0, 1 = 3.0 }"),
     ['space.class_weight: expected "none" or { choice = ["none", "balanced"] }, got numbers by name: 0, 1']),
    ("a bare list of numbers with a point", space("dropout = [0.1, 0.2]"),
     ["space.dropout: expected { choice = [0.1, 0.2] } or { float = [low, high] }, got a bare list"]),
    ("no kind", space("units = { step = 8 }"),
     ["space.units: expected one of int = [low, high], float = [low, high] and choice = […], got none of them"]),
    ("two kinds", space("units = { int = [1, 2], choice = [3] }"),
     ["space.units: expected one of int = [low, high], float = [low, high] and choice = […], got int and choice"]),
    ("float for whole numbers", space("units = { float = [1.0, 2.0] }"),
     ["space.units: expected int = [low, high], got float = [1.0, 2.0]"]),
    ("int for numbers", space("learning_rate = { int = [1, 2] }"),
     ["space.learning_rate: expected float = [low, high], got int = [1, 2]"]),
    ("a range of words", space("optimizer = { int = [1, 2] }"),
     ["space.optimizer: expected choice = […], got [1, 2]"]),
    ("step of a choice", space("units = { choice = [8, 16], step = 8 }"),
     ["space.units: step and log are for int and float, not for choice"]),
    ("a value of the network for each layer", space("layers = 2\nbatch_size = { int = [8, 16], each = 'layers' }"),
     ["space.batch_size: one value serves the whole network; leave out each = 'layers'"]),
    ("each of something else", space("layers = 2\nunits = { int = [8, 16], each = 'layer' }"),
     ["space.units.each: expected one of layers, conv_layers, got 'layer'. Did you mean 'layers'?"]),
    ("each of what it does not belong to",
     space("layers = 2\nconv_layers = 1\nunits = { int = [8, 16], each = 'conv_layers' }\n"
           "filters = { int = [8, 16], each = 'layers' }"),
     ["space.units: expected each = 'layers', got each = 'conv_layers'",
      "space.filters: expected each = 'conv_layers', got each = 'layers'"]),
    ("blocks that are not there", space("layers = 2\nfilters = 8\nrotation = 5.0"),
     ["space.filters: there are no blocks of convolution; put conv_layers above it, or leave it out"]),
    ("each before the layers", space("units = { int = [8, 16], each = 'layers' }\nlayers = { int = [1, 3] }"),
     ["space.units: each = 'layers' needs a parameter of that name above it, of whole numbers"]),
    ("unknown key of an entry", space("units = { int = [8, 16], stepp = 8 }"),
     ["space.units.stepp: unknown key. Did you mean 'step'? Known: int, float, choice, step, log, taper, each, when"]),
    ("the program's own word for a key", space("units = { int_ = [8, 16] }"),
     ["space.units.int_: unknown key. Did you mean 'int'? Known: int, float, choice, step, log, taper, each, when"]),
    ("condition on an unknown parameter", space("units = { int = [8, 16], when = { optimiser = 'sgd' } }"),
     ["space.units: its condition refers to 'optimiser', which is not in the space"]),
    ("condition on a later parameter",
     space("units = { int = [8, 16], when = { layers = 1 } }\nlayers = { int = [1, 2] }"),
     ["space.units: its condition refers to 'layers', which comes later; move it up"]),
    ("condition that never holds", space("layers = { int = [1, 2] }\nunits = { int = [8, 16], when = { layers = 3 } }"),
     ["space.units: its condition never holds, layers is never 3 ([1, 2])"]),
    ("condition on nothing", space("layers = { int = [1, 2] }\nunits = { int = [8, 16], when = { layers = [] } }"),
     ["space.units: its condition refers to 'layers', but names no value of it"]),
    ("conditions that leave nothing",
     space("layers = { int = [1, 2] }\nl2 = { choice = [0.0, 0.1], when = { layers = 1 } }\n"
           "units = { int = [8, 16], when = { layers = 2, l2 = 0 } }"),
     ["space.units: its conditions never hold together, as they want different values of 'layers'"]),
    ("momentum of an optimizer without", space("optimizer = 'adam'\nmomentum = 0.9"),
     ["space.momentum: adam has none; say when = { optimizer = … } with \"rmsprop\" or \"sgd\" for it"]),
    ("momentum of the optimizer by default", space("momentum = 0.9"),
     ["space.momentum: adam has none; say when = { optimizer = … } with \"rmsprop\" or \"sgd\" for it"]),
    ("momentum of one that has it and one that does not",
     space("optimizer = { choice = ['sgd', 'nadam'] }\nmomentum = { float = [0.0, 0.9] }"),
     ["space.momentum: nadam has none; say when = { optimizer = … } with \"rmsprop\" or \"sgd\" for it"]),
    ("an option of the optimizer by default, where the other one does not always count",
     space("layers = { int = [1, 2] }\noptimizer = { choice = ['sgd', 'rmsprop'], when = { layers = 1 } }\n"
           "momentum = 0.9"),
     ["space.momentum: adam has none; say when = { optimizer = … } with \"rmsprop\" or \"sgd\" for it"]),
    ("an option of other optimizers", space("optimizer = { choice = ['adam', 'sgd'] }\nbeta_1 = 0.8\nnesterov = true"),
     ["space.beta_1: sgd has none; say when = { optimizer = … } with \"adam\" or \"adamax\" or \"adamw\" or \"lion\" or"
      " \"nadam\" for it",
      "space.nesterov: adam has none; say when = { optimizer = … } with \"sgd\" for it"]),
    ("a condition on an optimizer that has no such option",
     space("optimizer = { choice = ['adam', 'lion'] }\n"
           "epsilon = { choice = [1e-7, 1e-3], when = { optimizer = 'lion' } }"),
     ["space.epsilon: lion has none; say when = { optimizer = … } with \"adadelta\" or \"adagrad\" or \"adam\" or"
      " \"adamax\" or \"adamw\" or \"nadam\" or \"rmsprop\" for it"]),
    ("the end of a learning rate that stays", space("end_rate = { float = [0.01, 0.1] }"),
     ["space.end_rate: constant has none; say when = { schedule = … } with \"linear\" or \"exponential\" or \"cosine\" "
      "or \"inverse_time\" for it"]),
    ("an end of 0", space("schedule = 'exponential'\nend_rate = { float = [0.0, 0.1] }"),
     ["space.end_rate: expected a value from 1e-06 to 1.0, got 0.0"]),
    ("the end of a schedule that is wrong is judged once that is mended",
     space("schedule = 'step'\nend_rate = { float = [0.01, 0.1] }"),
     [f"space.schedule: {TUNABLES['schedule'].problem('step')}"]),
    ("clipped in two ways", space("clipvalue = 0.5\nclipnorm = { float = [0.1, 1.0] }"),
     ["space.clipvalue: excludes clipnorm, as gradients are clipped in one way only; leave one out"]),
    ("layers said twice", space("shape = '64-32'\nlayers = 2"),
     ["space.layers: a shape says how many layers there are, and how wide each is; leave out one of the two"]),
    ("choice that is no number", space("l2 = { choice = [nan] }"),
     ["space.l2.choice[1]: expected a finite number, got nan"]),
    ("what refers to an entry that is wrong is judged once that is mended",
     space("optimizer = 'x'\nbatch_norm = { choice = [false, true], when = { optimizer = 'sgd' } }\n"
           "l2 = { choice = [0.0, 0.1], when = { batch_norm = true } }"),
     [f"space.optimizer: {TUNABLES['optimizer'].problem('x')}"]),
    # what does not go together
    ("a grid over a continuum", space("learning_rate = { float = [0.1, 0.2] }") + "[search]\nsampler = 'grid'\n",
     ["space.learning_rate: the grid sampler needs listed values; give it a step or a choice"]),
    ("the same thing tuned and fixed", space("batch_size = { choice = [8, 16] }") + "[training]\nbatch_size = 32\n",
     ["training.batch_size: also in [space]; leave one out"]),
    ("the epochs tuned and fixed", space("epochs = { choice = [10, 20] }") + "[training]\nepochs = 30\n",
     ["training.epochs: also in [space]; leave one out"]),
    ("the patience tuned and fixed",
     space("patience = { int = [0, 9] }") + "[training]\nearly_stopping = { patience = 3, min_delta = 0.1 }\n",
     ["training.early_stopping.patience: also in [space]; leave one out"]),
    ("no epochs to tune", space("epochs = { int = [0, 9] }"),
     ["space.epochs: expected a value from 1 to 100000, got 0"]),
    ("a newline in what came", f"[data]\nsource = '''a\nb'''\n{SPACE}",
     ["data.source: expected a file ending in .csv, .parquet, .npz, got 'a\\nb'"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_a_line_a_problem(write: Write, text: str | bytes, lines: list[str]) -> None:
    path = write(text)
    with pytest.raises(StudyError, match=r"^a\.toml: ") as caught:
        study.load(path)
    assert list(caught.value.problems) == [f"a.toml: {line}" for line in lines]
    assert caught.value.exit_code == 2
    assert [each.name for each in path.parent.iterdir()] == ["a.toml"], "nothing is written"


def test_all_problems_of_a_file_at_once(write: Write) -> None:
    path = write(
        """
        titel = "x"
        [data]
        sorce = "a.csv"
        source = "opneml:x"
        split = { validation = 2, test = "a" }
        [objective]
        metric = "val_acuracy"
        gaol = "maximize"
        [space]
        unit = 3
        layers = { int = [1, 10], stepp = 3 }
        units = { int = [128, 8], each = "layers" }
        activation = { choice = ["rellu"] }
        optimizer = { choice = ["sgd", "adam"] }
        momentum = { float = [0.0, 0.9] }
        dropout = { float = [0.0, 0.5], when = { optimizer = "adamm", layers = 3 } }
        l2 = { float = [0.0, 0.5], when = { optimizer = "adamm" } }
        [training]
        epochs = "a"
        early_stopping = 3
        [search]
        sampler = "tpee"
        trials = 0
        time = "10 minutes"
        """
    )
    with pytest.raises(StudyError, match="titel: unknown key") as caught:
        study.load(path)
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "data.source", "data.split.validation", "data.split.test", "data.sorce",
        "objective.metric", "objective.gaol",
        "space.unit", "space.layers.stepp", "space.units", "space.activation", "space.l2", "space.momentum",
        "training.epochs", "training.early_stopping",
        "search.sampler", "search.trials", "search.time",
        "titel",
    ]  # fmt: skip


def test_a_file_that_is_not_there(write: Write, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"^gone\.toml: no such study file\. `tuner studies` lists those there are$"):
        study.load(tmp_path / "gone.toml")


def test_a_folder(write: Write, tmp_path: Path) -> None:
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(StudyError, match=r"^a\.toml: is a folder, expected a study file$"):
        study.load(tmp_path / "a.toml")


@pytest.mark.parametrize("name", ["A.toml", "a b.toml", "a..b.toml", "é.toml", "..toml", f"{'a' * 65}.toml"])
def test_a_name_that_is_no_name(write: Write, name: str) -> None:
    with pytest.raises(StudyError, match=r"a study is named by its file: expected 1 to 64 of a-z, 0-9, '\.', '_'"):
        study.load(write(DATA + SPACE, name))
