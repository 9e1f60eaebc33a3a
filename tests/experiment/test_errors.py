"""One test per kind of bad input: the message names file, key, rule, value and nearest spelling."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from experiment_factory import load, plan, registry

from anncore.contract.errors import AnnxError
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan

DATA = "[dataset.two_moons]\nn = 60\n"
SGD = "[optimizer.sgd]\n"


def says(tmp_path: Path, text: str, *parts: str) -> str:
    """Load and plan; return the error, one line that holds every part."""
    with pytest.raises(AnnxError) as caught:
        plan(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("x.toml")
    for part in parts:
        assert part in message
    assert caught.value.exit_code == 2
    return message


# The file


def test_missing_file_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "optimizers.toml").write_text("")
    with pytest.raises(AnnxError, match=r"optimizer\.toml' does not exist\. Did you mean 'optimizers\.toml'"):
        load_experiment(tmp_path / "optimizer.toml")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match="does not exist"):
        load_experiment(tmp_path / "nowhere" / "x.toml")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match="is a directory; give an experiment file"):
        load_experiment(tmp_path)


def test_file_name_no_system_takes(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match="cannot be read"):
        load_experiment("a\0b.toml")
    with pytest.raises(AnnxError, match="cannot be read"):
        load_experiment(tmp_path / ("x" * 5000))


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"title = 'x'\n# caf\xe9\n")
    with pytest.raises(AnnxError, match=r"x\.toml, line 2: not UTF-8 \(byte 0xe9\)"):
        load_experiment(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("title = 'x'\n[train\nsteps = 3", "x.toml, line 2, column 7: "),
        ("title = ", "x.toml, line 1, column 9: invalid value"),
        ("a = 1\na = 2", "x.toml, line 2, column 6: cannot overwrite a value"),
        ("a = [1, 2", "x.toml, line 1, column 10: unclosed array"),
        ("title = 'x", "x.toml, line 1, column 11: "),
    ],
)
def test_broken_toml_has_file_line_column_and_reason(tmp_path: Path, text: str, place: str) -> None:
    says(tmp_path, text, place)


def test_brackets_without_end(tmp_path: Path) -> None:
    says(tmp_path, "a = " + "[" * 20000, "nested too deeply")


def test_a_number_of_more_digits_than_python_reads_is_told_as_any_large_one(tmp_path: Path) -> None:
    says(tmp_path, "a = " + "9" * 5000, "does not fit into 64 bits")


# Keys


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "[trian]\n",
            ["unknown key 'trian' in the experiment", "schema, title", "Did you mean 'train'?"],
        ),
        ("[train]\nstep = 3", ["unknown key 'step' in [train]", "steps, epochs", "Did you mean 'steps'?"]),
        ("[train.stop]\nlos = 3", ["unknown key 'los' in [train.stop]", "Did you mean 'loss'?"]),
        ("[split]\nvalidation = 0.1", ["unknown key 'validation' in [split]", "valid, test"]),
        ("[seeds]\ntunes = [1]", ["unknown key 'tunes' in [seeds]", "Did you mean 'tune'?"]),
        ("[seeds]\nreport = { begin = 1, num = 3 }", ["unknown key 'begin' in [seeds.report]", "start, num"]),
        ("[select]\nmetrik = 'x'", ["unknown key 'metrik' in [select]", "Did you mean 'metric'?"]),
        ("[search]\nsample = 3", ["unknown key 'sample' in [search]", "Did you mean 'samples'?"]),
        ("[limits]\ntime = 3", ["unknown key 'time' in [limits]", "Did you mean 'timeout'?"]),
        ("[plugins]\nfile = 'x'", ["unknown key 'file' in [plugins]", "Did you mean 'files'?"]),
        (
            "[optimizer.adam]\nbeta3 = 1",
            ["[optimizer.adam] unknown key 'beta3'; adam has lr, beta1, beta2", "Did you mean 'beta"],
        ),
        ("[network.mlp]\nwidths = 3", ["[network.mlp] unknown key 'widths'", "hidden, bias, dropout"]),
        ("[loss.auto]\ndelta = 3", ["unknown key 'delta' in [loss.auto]; known keys are use"]),
        (
            "[[exclude]]\noptimiser = 'sgd'",
            ["'optimiser' in [[exclude]] number 1", "Did you mean 'optimizer'?"],
        ),
        (
            "[[exclude]]\n'optimizer.lrr' = 1",
            ["no hyperparameter 'lrr' in optimizer sgd", "Did you mean 'lr'?"],
        ),
        ("[[exclude]]\noptimizer.lr = 1", ['optimizer.lr must be written in quotes: "optimizer.lr"']),
        (
            "[[exclude]]\n'optimizer.lr' = { gtt = 1 }",
            ["comparisons are eq, ne, gt, ge, lt, le, in", "Did you mean 'gt'?"],
        ),
    ],
)
def test_unknown_keys(tmp_path: Path, text: str, parts: list[str]) -> None:
    says(tmp_path, f"{text}\n{DATA}{SGD}", *parts)


def test_half_a_search_is_one_mistake_and_not_one_for_every_range(tmp_path: Path) -> None:
    ranges = "[optimizer.sgd]\nlr = 'search'\n[optimizer.adam]\nlr = 'search'\n"
    says(tmp_path, f"[search]\nsamples = 3\n{DATA}{ranges}", "samples needs a method")
    says(tmp_path, f"[search]\nmethod = 'sobol'\n{DATA}{ranges}", "needs samples")


# Components


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "[optimizer.adm]",
            ["[optimizer.adm] No optimizer is called 'adm'. Did you mean 'adam'?"],
        ),
        ("[optimizer.mine]\nuse = 'sdg'", ["[optimizer.mine] No optimizer is called 'sdg'", "'sgd'?"]),
        ("[optimizer.mine]\nuse = 3", ["[optimizer.mine] use must be a text, got 3"]),
        (
            f"[loss.cross_entropy]\n{SGD}",
            ["one of binary_cross_entropy, categorical_cross_entropy, ", 'use = "binary_cross_entropy"'],
        ),
        ("[optimizer.schedule-free]", ["one of schedule_free_adamw, schedule_free_sgd?"]),
        ("[dataset.two_mons]", ["No dataset is called 'two_mons'. Did you mean 'two_moons'?"]),
        ("[network.mlp]\nactivation = 'rleu'", ["No activation is called 'rleu'. Did you mean 'relu'?"]),
        ("[network.mlp]\nactivation = 3", ["activation must be a name or a list of names, got 3"]),
        ("[network.mlp]\nactivation = []", ["activation is an empty grid"]),
        ("[network.mlp]\nhidden = [8]\nactivation = [['relu', 'tanh']]", ["one per hidden layer (1), got 2"]),
        ("[optimizer]\nsgd = 3", ["[optimizer.sgd] must be a table, got 3"]),
        ("optimizer = 'sgd'\n", ["[optimizer] must be a table, got 'sgd'"]),
        ("[optimizer]", ["[optimizer] is empty; add a [optimizer.NAME] section"]),
        ("[optimizer.'a=b']\nuse = 'sgd'", ["is not a label"]),
        ("[optimizer.'a + b']\nuse = 'sgd'", ["is not a label"]),
        ("[loss.zero_one]", ["loss 'zero_one' is for evaluation only and cannot train", "mse"]),
        ("[activation.relu]\n[network.mlp]\nactivation = 'tanh'", ["[network.mlp] names its own activation"]),
        ("[optimizer.sgd]\npreset = 'tourch'", ["no preset is called 'tourch'", "Did you mean 'torch'?"]),
    ],
)
def test_unknown_components(tmp_path: Path, text: str, parts: list[str]) -> None:
    has_optimizer = "optimizer" in text
    has_data = "[dataset" in text
    says(tmp_path, f"{text}\n{'' if has_data else DATA}{'' if has_optimizer else SGD}", *parts)


@pytest.mark.parametrize(("text", "kind"), [(DATA, "optimizer"), (SGD, "dataset")])
def test_required_kinds(tmp_path: Path, text: str, kind: str) -> None:
    says(tmp_path, text, f"no [{kind}.NAME] section; name at least one {kind}")


# Values


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("-1", ["sgd: lr must be in (0, inf), got -1"]),
        ("0", ["sgd: lr must be in (0, inf), got 0"]),
        ("true", ["lr must be in (0, inf), got True"]),
        ("'fast'", ["lr must be in (0, inf), got 'fast'"]),
        ("nan", ["lr must be in (0, inf), got nan"]),
        ("inf", ["lr must be in (0, inf), got inf"]),
        ("[0.1, -1]", ["lr must be in (0, inf), got -1"]),
        ("[]", ["lr is an empty grid; give at least one value"]),
        ("{ choice = [] }", ["lr is an empty grid of choices"]),
        ("{ range = [1, 1] }", ["lr is an empty grid"]),
        ("[0.1, 0.1]", ["lr lists 0.1 twice"]),
        ("[1, 1.0]", ["lr lists 1.0 twice"]),
        ("[[0.1]]", ["lr must be in (0, inf), got [0.1]"]),
        ("2026-01-01", ["2026-01-01 in [optimizer.sgd] lr is a date or time"]),
        ("99999999999999999999", ["does not fit into 64 bits"]),
        ("{ log = [1e-3, 1] }", ["lr is a range without num, which needs a sampler", "[search]"]),
        ("{ uniform = [0.1, 1] }", ["lr is a range without num, which needs a sampler"]),
        ("'search'", ["lr is a range without num, which needs a sampler"]),
        ("{ log = [1, 0.1], num = 3 }", ["log must be [lo, hi] with 0 < lo < hi, got [1, 0.1]"]),
        ("{ log = [0, 1], num = 3 }", ["0 < lo < hi"]),
        ("{ linear = [0.1], num = 3 }", ["linear must be two numbers [lo, hi], got [0.1]"]),
        ("{ linear = [true, 2], num = 3 }", ["linear must be two numbers"]),
        ("{ linear = [-1, 2], num = 3 }", ["lr must be in (0, inf), got -1"]),
        ("{ log = [1e-3, 1], num = 1 }", ["num must be a whole number of at least 2", "got 1"]),
        ("{ log = [1e-3, 1], num = 2.5 }", ["num must be a whole number", "got 2.5"]),
        ("{ log = [1e-3, 1], num = 1000000000 }", ["at most 100000"]),
        ("{ range = [0.1, 1e9, 1e-9] }", ["range may have at most 100000 values"]),
        ("{ range = [0.1, 1, 0] }", ["a step other than 0"]),
        ("{ range = [0.1, 1], num = 3 }", ["num goes with log and linear, not with range"]),
        ("{ uniform = [0.1, 1], num = 3 }", ["num goes with log and linear, not with uniform"]),
        ("{ lgo = [0.1, 1], num = 3 }", ["unknown key 'lgo'", "Did you mean 'log'?"]),
        ("{ log = [0.1, 1], linear = [0.1, 1], num = 3 }", ["must be one of"]),
        ("{}", ["must be one of { log"]),
    ],
)
def test_wrong_values(tmp_path: Path, value: str, parts: list[str]) -> None:
    says(tmp_path, f"{DATA}{SGD}lr = {value}", "[optimizer.sgd]", *parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{DATA}{SGD}'lr, momentum' = [[0.1]]", ["'lr, momentum' must be a list of rows of 2 values"]),
        (f"{DATA}{SGD}'lr, lr' = [[0.1, 0.2]]", ["names a hyperparameter twice"]),
        (f"{DATA}{SGD}'lr, momentun' = [[0.1, 0.2]]", ["unknown key 'momentun'", "Did you mean 'momentum'?"]),
        (f"{DATA}{SGD}lr = 0.1\n'lr, momentum' = [[0.1, 0.9]]", ["lr is given twice"]),
        (f"{DATA}{SGD}'lr, momentum' = [[0.1, 0.9], [0.1, 0.9]]", ["lists [0.1, 0.9] twice"]),
        (f"{DATA}{SGD}'lr, momentum' = []", ["is an empty grid"]),
        (f"{DATA}{SGD}nesterov = 1", ["nesterov must be true or false, got 1"]),
        (f"{DATA}{SGD}nesterov = 'search'", ["sgd declares no range for nesterov", "one for: lr"]),
        (f"{DATA}{SGD}nesterov = {{ log = [1, 2], num = 2 }}", ["nesterov is not a number and takes no log"]),
        (f"{DATA}[optimizer.adam]\neps_mode = 'outsite'", ["one of 'outside'", "Did you mean 'outside'"]),
        (f"[dataset.two_moons]\nn = 10.5\n{SGD}", ["n must be a whole number in [10, inf), got 10.5"]),
        (
            f"[dataset.two_moons]\nnoise = {{ uniform = [0, 1] }}\n{SGD}[search]\nmethod='lhs'\nsamples=2",
            ["noise is part of the problem and is not tuned"],
        ),
        (f"{DATA}{SGD}[network.mlp]\nhidden = [[8], 9]", ["hidden must be a list"]),
        (f"{DATA}{SGD}[network.mlp]\nhidden = [[8], [8]]", ["hidden lists [8] twice"]),
        (f"{DATA}{SGD}[network.mlp]\nhidden = [0]", ["hidden must be a list, each item"]),
    ],
)
def test_wrong_grids(tmp_path: Path, text: str, parts: list[str]) -> None:
    says(tmp_path, text, *parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("schema = 2", ["schema must be 1", "got 2"]),
        ("title = 3", ["title must be a text, got 3"]),
        ("vary = []", ["vary must be a list of at least one kind"]),
        ("vary = ['optimiser']", ["vary must name kinds", "Did you mean 'optimizer'?"]),
        ("vary = ['dataset']", ["arms are compared on data sets"]),
        ("vary = ['schedule']", ["there is no [schedule.NAME] section"]),
        ("vary = ['optimizer', 'optimizer']", ["vary names a kind twice"]),
        ("train = 3", ["[train] must be a table, got 3"]),
        ("[train]\nsteps = 0", ["[train] steps must be a whole number of at least 1, got 0"]),
        ("[train]\nsteps = true", ["steps must be a whole number of at least 1, got true"]),
        ("[train]\nsteps = 'x'", ["steps must be a whole number of at least 1, got 'x'"]),
        ("[train]\nsteps = 1\nepochs = 1", ["steps and epochs are both given; keep one"]),
        ("[train]\nbatch_size = 'all'", ["or 'full', got 'all'"]),
        ("[train]\ndtype = 'float16'", ["one of 'float32', 'float64', got 'float16'"]),
        ("[train]\nshuffle = 1", ["shuffle must be true or false, got 1"]),
        ("[train]\ndiverged_above = 0", ["diverged_above must be a number above 0, got 0"]),
        ("[train]\ndiverged_above = inf", ["diverged_above must be a number above 0, got inf"]),
        ("[train]\nstop = { min_delta = 1 }", ["needs loss = .. or patience = .."]),
        ("[train]\nstop = { loss = 1, min_delta = 1 }", ["min_delta needs patience"]),
        ("[train]\nstop = 3", ["[train.stop] must be a table, got 3"]),
        ("[split]\nvalid = -0.1", ["valid must be a number of at least 0 and at most 1, got -0.1"]),
        ("[split]\ntest = 1.5", ["test must be a number of at least 0 and at most 1, got 1.5"]),
        ("[split]\nvalid = 0.9999999999", ["must leave a share for training, got 0.9999999999 + 0.2"]),
        ("[split]\nvalid = 0.5\ntest = 0.5", ["must leave a share for training, got 0.5 + 0.5"]),
        ("[seeds]\ntune = 3", ["tune must be a list of whole numbers", "{ start = .., num = .. }", "got 3"]),
        ("[seeds]\ntune = [-1]", ["tune must be a list of whole numbers of at least 0", "[-1]"]),
        ("[seeds]\ntune = [true]", ["got [true]"]),
        ("[seeds]\ntune = [1, 1]", ["tune lists seed 1 twice"]),
        ("[seeds]\nreport = []", ["report is empty"]),
        ("[seeds]\nreport = { start = 1 }", ["needs num = .."]),
        ("[seeds]\ntune = [1, 2]\nreport = [2, 3]", ["tune and report share seed 2"]),
        ("[seeds]\nreport = { num = 1000000000 }", ["at most 100000"]),
        ("[select]\nmetric = 'test_accuracy'", ["the test split is opened once", "valid_accuracy"]),
        (
            "[select]\nmetric = 'valid_acuracy'",
            ["no metric is called 'acuracy'", "'valid_accuracy'?"],
        ),
        (
            "[select]\nmetric = 'valid_rmse'",
            ["is for regression tasks, but two_moons is binary"],
        ),
        ("[select]\ngoal = 'up'", ["one of 'min', 'max', got 'up'"]),
        ("[select]\ngoal = 'max'", ["goal of valid_loss must be 'min', got 'max'"]),
        ("[select]\nmetric = 'valid_accuracy'\ngoal = 'min'", ["goal of valid_accuracy must be 'max'"]),
        ("[search]\nmethod = 'sobel'", ["Did you mean 'sobol'?"]),
        ("[search]\nmethod = 'sobol'", ["needs samples = .."]),
        ("[search]\nsamples = 3", ["samples needs a method: one of halton, lhs, random, sobol"]),
        ("[search]\nmethod = 'grid'", ["method = 'grid' is what a file without method has; leave it out"]),
        ("[search]\nmethod = 'lhs'\nsamples = 0", ["samples must be a whole number of at least 1"]),
        ("[limits]\ntimeout = 'soon'", ["a positive number of seconds", "got 'soon'"]),
        ("[limits]\ntimeout = 0", ["a positive number of seconds"]),
        (
            "[limits]\nmax_trials = 3",
            ["the plan has 10 trials, more than [limits] max_trials = 3", "allow_large=True"],
        ),
        ("[plugins]\nfiles = 'x.py'", ["files must be a list of texts, got 'x.py'"]),
        ("[report]\ncontrol = 'adam'", ["control must be one of the arms sgd, got 'adam'"]),
        ("[report]\nrope = -1", ["rope must be a number above 0"]),
        ('[report]\ntarget = "low"', ["target must be a number, or a table", "'low'"]),
        ("[report]\ntarget = { xor = [1] }", ["target must be a number, or a table", "xor"]),
        (
            "[report]\ntarget = { two_mons = 0.1 }",
            ["target names 'two_mons', which is no data set", "'two_moons'?"],
        ),
        ("exclude = 3", ["exclude must be tables: write [[exclude]]"]),
        ("[[exclude]]", ["[[exclude]] number 1 is empty"]),
        ("[[exclude]]\noptimizer = 'sdg'", ["no optimizer 'sdg'; the experiment has sgd.", "'sgd'?"]),
        ("[[exclude]]\noptimizer = []", ["optimizer must be a label or a list of labels, got []"]),
        ("[[exclude]]\n'optimizer.lr' = -1", ["lr must be in (0, inf), got -1"]),
        ("[[exclude]]\n'optimizer.lr' = { gt = 'x' }", ["gt must be a number, got 'x'"]),
        ("[[exclude]]\n'optimizer.lr' = { in = 3 }", ["in must be a list of values, got 3"]),
        ("[[include]]\noptimizer = ['sgd']", ["optimizer must be one label, got ['sgd']"]),
    ],
)
def test_wrong_settings(tmp_path: Path, text: str, parts: list[str]) -> None:
    says(tmp_path, f"{text}\n{DATA}{SGD}", *parts)


def test_incomplete_include(tmp_path: Path) -> None:
    two = f"{DATA}{SGD}lr = [0.1, 1]\n[optimizer.adam]\n"
    says(
        tmp_path,
        f"{two}[[include]]\ndataset = 'two_moons'",
        "not a complete combination",
        "give optimizer = one of",
    )
    says(tmp_path, f"{two}[[include]]\noptimizer = 'sgd'", "optimizer 'sgd' has several lr", '"optimizer.lr"')


def test_presets_that_come_to_the_same(tmp_path: Path) -> None:
    says(
        tmp_path,
        f"{DATA}{SGD}preset = ['paper', 'torch']\nlr = 0.1\nmomentum = 0.0",
        "are the same configuration",
    )


def test_plan_without_trials_ends_with_exit_code_5(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match="no trial is left") as caught:
        plan(tmp_path, f"{DATA}{SGD}[[exclude]]\noptimizer = 'sgd'")
    assert caught.value.exit_code == 5


def test_missing_plugin_file(tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match=r"plugin file '.*mine\.py' does not exist"):
        load(tmp_path, f"[plugins]\nfiles = ['mine.py']\n{DATA}{SGD}")


# Data sets and what fits them


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "[split]\nvalid = 0\ntest = 0",
            ["has no validation and no test examples, so nothing could be scored"],
        ),
        (
            "[split]\nvalid = 0\n[seeds]\ntune = [0]\nreport = [1]",
            ["no validation examples, by which config"],
        ),
        ("[split]\ntest = 0\n[seeds]\ntune = [0]\nreport = [1]", ["no test examples, and after tuning"]),
        ("[split]\nvalid = 0\n[train]\nstop = { patience = 3 }", ["whose loss [train] stop waits for"]),
        ("[split]\nvalid = 0\n[schedule.plateau]", ["the schedule 'plateau' looks at"]),
    ],
)
def test_what_needs_a_split_that_is_left_out_is_refused(tmp_path: Path, text: str, parts: list[str]) -> None:
    says(tmp_path, f"{text}\n{DATA}{SGD}", *parts)


WEIGHTED = "a,w,y\n" + "".join(f"{i},{1 + i % 3},{'no' if i % 2 else 'yes'}\n" for i in range(40))


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ("[select]\nmetric = 'valid_f1'", ["f1 is no mean over examples, so it has no weighted form"]),
    ],
)
def test_what_has_no_weighted_form_is_refused(tmp_path: Path, more: str, parts: list[str]) -> None:
    says(tmp_path, csv(tmp_path, WEIGHTED, f"weight = 'w'\n{more}"), *parts)
    unsupervised = csv(tmp_path, WEIGHTED, "weight = 'w'\ntask = 'unsupervised'\ndrop = ['y']\n[network.som]")
    says(tmp_path, unsupervised.replace("target = 'y'\n", ""), "have weights, and som learns by a rule")
    plan(tmp_path, csv(tmp_path, WEIGHTED, "weight = 'w'"))


def csv(tmp_path: Path, content: str, more: str = "") -> str:
    (tmp_path / "my.csv").write_text(content)
    return f"[dataset.mine]\nuse = 'csv'\npath = 'my.csv'\ntarget = 'y'\n{more}\n{SGD}"


def test_csv_mistakes_name_the_section(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 2}\n" for i in range(20))
    plan(tmp_path, csv(tmp_path, "x,y\n" + rows))
    says(tmp_path, csv(tmp_path, "x,z\n" + rows), "[dataset.mine]", "'y'")
    says(tmp_path, csv(tmp_path, "x,y\n" + rows + "blue,1\n"), "[dataset.mine]", "blue")
    (tmp_path / "x.toml").write_text(csv(tmp_path, "x,y\n" + rows))
    (tmp_path / "my.csv").unlink()
    with pytest.raises(AnnxError, match=r"^x\.toml: \[dataset\.mine\] .*my\.csv"):
        make_plan(load_experiment(tmp_path / "x.toml", registry=registry()))


def test_csv_may_be_absent_where_excluded_and_its_path_any_text(tmp_path: Path) -> None:
    says(tmp_path, f"[dataset.csv]\n{SGD}", "[dataset.csv]")
    says(tmp_path, f"[dataset.csv]\npath = '.'\ntarget = 'y'\n{SGD}", "[dataset.csv]")
    says(tmp_path, f'[dataset.csv]\npath = "a\\u0000"\n{SGD}', "NUL")


def test_loss_that_does_not_fit_the_task(tmp_path: Path) -> None:
    text = f"[dataset.iris]\n[loss.binary_cross_entropy]\n{SGD}"
    says(
        tmp_path,
        text,
        "loss 'binary_cross_entropy' cannot train on data set 'iris', a multiclass task",
        "categorical_cross_entropy",
        "[[exclude]]",
    )


def test_output_activation_that_does_not_fit_the_loss(tmp_path: Path) -> None:
    text = f"{DATA}[network.mlp]\noutput = 'tanh'\n{SGD}"
    says(
        tmp_path,
        text,
        "'binary_cross_entropy' takes outputs in [0, 1]",
        "'tanh' of [network.mlp] gives (-1, 1)",
    )


@pytest.mark.parametrize("name", ["prelu", "rrelu", "glu"])
def test_output_activation_that_needs_a_place_in_the_network(tmp_path: Path, name: str) -> None:
    text = f"[dataset.diabetes]\n[network.mlp]\noutput = '{name}'\n{SGD}"
    says(tmp_path, text, f"[network.mlp] output cannot be '{name}'", "use 'identity' or leave output out")


def test_network_that_cannot_take_the_data_set(tmp_path: Path) -> None:
    text = f"{DATA}[network.cnn]\n{SGD}"
    says(tmp_path, text, "[network.cnn] on data set 'two_moons': cnn: inputs must be a square image", "got 2")


def test_excluded_pairs_need_not_fit(tmp_path: Path) -> None:
    text = f"""{DATA}[dataset.diabetes]\n[loss.binary_cross_entropy]\n[loss.mse]\n{SGD}
        [select]\nmetric = 'valid_accuracy'
        [[exclude]]\nloss = 'binary_cross_entropy'\ndataset = 'diabetes'"""
    says(tmp_path, text, "valid_accuracy' is for binary, multiclass tasks, but diabetes is regression")
    plan(tmp_path, "vary = ['optimizer']\n" + text.replace("[select]\nmetric = 'valid_accuracy'\n", ""))


def test_losses_are_not_compared_by_their_own_values(tmp_path: Path) -> None:
    losses = "[loss.mse]\n[loss.huber]\n"
    says(
        tmp_path,
        f"{DATA}{losses}{SGD}[select]\nmetric = 'valid_loss'",
        "losses are compared",
        "valid_accuracy",
    )
    assert plan(tmp_path, f"{DATA}{losses}{SGD}").experiment.select.metric == "valid_accuracy"
    assert plan(tmp_path, f"[dataset.diabetes]\n{losses}{SGD}").experiment.select.goal == "min"
    says(tmp_path, f"{DATA}[dataset.diabetes]\n{losses}{SGD}", "needs a metric", "binary, regression")
    text = f"[dataset.diabetes]\n[loss.huber]\ndelta = [0.1, 1]\n{SGD}[select]\nmetric = 'valid_loss'"
    says(tmp_path, text, "delta of loss 'huber' varies")


def test_data_set_that_raises_is_one_line(tmp_path: Path) -> None:
    text = f"[dataset.classification]\nfeatures = 2\ninformative = 5\n{SGD}"
    says(tmp_path, text, "[dataset.classification]")


# Shapes of tables


@pytest.mark.parametrize(
    "text",
    [
        "[exclude.max_trials]\nnum = 3\n",
        "exclude = { x = {} }\n",
        "exclude = 'x'\n",
        "exclude = [1]\n",
        "exclude = [[1]]\n",
        "[include.a.b]\nc = 1\n",
        "include = { max_trials = 1979-05-27 }\n",
        "dataset = [{ n = 3 }]\n",
        "dataset = 3\n",
        "train = [{ steps = 3 }]\n",
        "seeds = [1, 2]\n",
        "limits = true\n",
    ],
)
def test_a_table_of_another_shape(tmp_path: Path, text: str) -> None:
    head = "" if text.startswith("dataset") else "[dataset.two_moons]\n"
    key = re.split(r"\W+", text.strip("["))[0]
    start, _, rest = (text, "", "") if not text.startswith("[") else ("", "", text)
    with pytest.raises(AnnxError, match=rf"\b{key}\b.*must be|\b{key}\b.*is a date"):
        load(tmp_path, f"{start}{head}[optimizer.adam]\n{rest}")


DEEP = ".".join(["a"] * 1000)


@pytest.mark.parametrize(
    "text",
    [
        f"[optimizer.adam.{DEEP}]\n",
        f"[optimizer.adam]\n{DEEP} = 1\n",
        f"x = {'[' * 500}{']' * 500}\n",
        f"x = {'{ a = ' * 100}1{' }' * 100}\n",
        f"x = {'[' * 20}{']' * 20}\n",
        f"x = {{ {DEEP} = 1 }}\n",
        f"[{'.'.join(['a'] * 100_000)}]\n",
        f"x = {'[' * 50_000}\n",
    ],
)
def test_tables_that_are_nested_too_deep(tmp_path: Path, text: str) -> None:
    with pytest.raises(AnnxError, match="nested"):
        load(tmp_path, text)


@pytest.mark.parametrize("override", [f"{DEEP}=1", f"train.x={'[' * 40}{']' * 40}", f"train.{DEEP}=1"])
def test_overrides_that_are_nested_too_deep(tmp_path: Path, override: str) -> None:
    with pytest.raises(AnnxError, match=r"nested|not a dotted key"):
        load(tmp_path, "[dataset.two_moons]\n[optimizer.adam]\n", overrides=[override])


def test_a_file_that_is_no_experiment_by_its_size(tmp_path: Path) -> None:
    with pytest.raises(
        AnnxError, match=r"has more than 2 MB and is no experiment file; data belong into a CSV"
    ):
        load(tmp_path, "# x\n" * 600_000)


# Hints


@pytest.mark.parametrize(
    ("wanted", "there", "hint"),
    [
        ("nope.toml", ["pyproject.toml"], r"does not exist\. The folder has no experiment file\."),
        ("nope.toml", ["pyproject.toml", "moons.toml"], r"does not exist\. The folder has moons\.toml\."),
        ("moon.toml", ["pyproject.toml", "moons.toml"], r"Did you mean 'moons\.toml'\?"),
        ("moons", ["moons.toml"], r"Did you mean 'moons\.toml'\?"),
        ("Moons.TOML", ["moons.toml"], r"Did you mean 'moons\.toml'\?"),
        ("moons.toml", ["experiments/moons.toml"], r"Did you mean 'experiments/moons\.toml'\?"),
    ],
)
def test_a_missing_file_comes_with_the_hint_that_helps(
    tmp_path: Path, wanted: str, there: list[str], hint: str
) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(AnnxError, match=hint):
        load_experiment(tmp_path / wanted)


@pytest.mark.parametrize(
    ("section", "hint"),
    [
        ("[optimizer.SGD]", "Did you mean 'sgd'?"),
        ("[optimizer.rms-prop]", "Did you mean 'rmsprop'?"),
        ("[optimizer.AdamW]", "Did you mean 'adamw'?"),
        ("[optimizer.my_sgd]", '[optimizer.my_sgd] use = "sgd"'),
    ],
)
def test_a_label_that_is_no_component(tmp_path: Path, section: str, hint: str) -> None:
    with pytest.raises(AnnxError) as caught:
        load(tmp_path, f"[dataset.two_moons]\n{section}\n")
    assert hint in str(caught.value)
