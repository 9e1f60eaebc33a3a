"""`annx explain`: one training step by hand, with the engine's numbers, and a learner's sheet of answers."""

from __future__ import annotations

import csv
import json
import math
import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from anncore.cli.group import cli

ROOT = Path(__file__).parents[2]
SEED = str(ROOT / "experiments" / "seed_2_2_1.toml")
JULIA = str(ROOT / "experiments" / "seed_2_3_1.toml")
NIELSEN = str(ROOT / "experiments" / "nielsen_neuron.toml")
GOLDEN = json.loads((ROOT / "tests" / "golden" / "a_worked_2_2_1.json").read_text("utf-8"))
SCHEMA = json.loads((resources.files("anncore.report") / "explain.schema.json").read_text("utf-8"))


PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from anncore import Activation, Array, hookimpl

@dataclass(frozen=True)
class Cut(Activation):
    """Cut sigmoid: f(z) = max(z, 0.5) / (1 + exp(-z)), for a test. More is not said."""
    name: ClassVar[str] = "cut"
    def forward(self, z: Array) -> Array:
        return np.maximum(z, 0.5) * 1 / (1 + np.exp(-z))

@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [Cut]
'''


def explain(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["explain", *args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def content(*args: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(explain(*args, "--json").stdout)
    return read


def arrays(read: dict[str, Any]) -> dict[str, Any]:
    return {block["name"]: block["values"] for stage in read["stages"] for block in stage["blocks"]}


def values(read: dict[str, Any]) -> dict[str, float]:
    blocks = (block for stage in read["stages"] for block in stage["blocks"])
    return {line["name"]: line["value"] for block in blocks for line in block["lines"]}


def lines(read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    blocks = (block for stage in read["stages"] for block in stage["blocks"])
    return {line["name"]: line for block in blocks for line in block["lines"]}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Return what writes an experiment, small and of one configuration, with these further lines."""

    def write(*more: str, loss: str = "", optimizer: str = "[optimizer.sgd]\nlr = 0.1") -> str:
        text = "\n".join(
            [
                "# One step?",
                "[train]",
                "steps = 20",
                "batch_size = 1",
                "[dataset.two_moons]",
                "n = 40",
                "[network.mlp]",
                "hidden = [2]",
                loss,
                optimizer,
                *more,
            ]
        )
        path = tmp_path / "step.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


# The worked exercise


@pytest.mark.parametrize("case", GOLDEN["cases"])
def test_the_exercise_of_the_seed_has_the_numbers_that_were_computed_outside(case: str) -> None:
    read = content(SEED, "--case", case)
    made = arrays(read)
    made["J"] = made["loss"]
    assert read["dtype"] == "float64"
    for name, expected in GOLDEN["cases"][case].items():
        shape = np.shape(made[name])
        np.testing.assert_allclose(made[name], np.reshape(expected, shape), rtol=0, atol=1e-12, err_msg=name)
    for name in ("W1", "b1", "W2", "b2"):
        assert made[name] == GOLDEN[name]


@pytest.mark.parametrize(
    ("case", "loss", "first", "last"),
    [
        # Nielsen, Neural Networks and Deep Learning, chapter 3: two digits of each are printed in the book.
        ("sure_and_wrong", "quadratic", "0.98", "0.20"),
        ("wrong", "quadratic", "0.82", "0.09"),
        # With the rate of the quadratic loss; by hand, a ← σ(w + b), w ← w - 0.15 a, b ← b - 0.15 a.
        ("sure_and_wrong", "cross_entropy", "0.982", "0.012"),
    ],
)
def test_nielsens_neuron_comes_to_what_his_book_prints(case: str, loss: str, first: str, last: str) -> None:
    for step, output in ((1, first), (301, last)):  # the output before the step
        read = content(NIELSEN, "--case", case, "--step", str(step), "--only", f"loss={loss}")
        assert f"{values(read)['a1[1]']:.{len(output) - 2}f}" == output


def test_the_julia_network_is_rerun_and_the_step_says_why_it_does_not_learn() -> None:
    first, last = (content(JULIA, "--step", step) for step in ("1", "1000"))
    want = json.loads((ROOT / "tests" / "golden" / "b_julia_2_3_1.json").read_text("utf-8"))["as_written"]
    ends = {"loss_before": want["first_step"]["loss"], "loss_after": want["final"]["loss_after_last_update"]}
    for key, read in (("loss_before", first), ("loss_after", last)):
        assert read["effect"][key] == pytest.approx(ends[key], abs=1e-12)
    np.testing.assert_allclose(arrays(last)["W1_new"], want["final"]["W1"], rtol=0, atol=1e-12)
    # The largest gradient of the first step is that of b2, 0.00265, and the rate is 0.01.
    assert first["effect"]["largest_change_of"] == "b2[1]"
    assert first["effect"]["largest_change"] == pytest.approx(-0.01 * want["first_step"]["db2"][0], abs=1e-12)
    text = explain(JULIA, "--step", "1000", "--digits", "6").stdout
    assert "The loss of the batch goes from 0.69314 to 0.69314, lower by 5.6e-09" in text


SMALL = """# One step?
[train]
steps = 5
batch_size = 2
"""


@pytest.mark.parametrize(
    ("network", "gaps", "said"),
    [
        ("[dataset.two_moons]\n[network.mlp]\nhidden = [2]\n[optimizer.adam]", {}, ""),
        ("[dataset.digits]\n[network.mlp]\nhidden = [2]\n[optimizer.sgd]", {}, "..."),
        (
            "[split]\nstandardize = false\n[dataset.pixel_shapes]\nside = 4\nn = 20\n"
            "[network.lattice]\n[optimizer.sgd]",
            {"dA": "long"},
            "numbers stand without a formula: dA, whose formula is longer than a page",
        ),
        (
            "[dataset.two_moons]\n[network.mlp]\nhidden = [2]\n[optimizer.muon]\nwhere = 'matrices'",
            {"W1_new": "optimizer", "W2_new": "optimizer"},
            "which the optimizer computes by what cannot be followed",
        ),
    ],
)
def test_a_sheet_that_is_not_whole_says_so(
    network: str, gaps: dict[str, str], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL + network, "utf-8")
    read = content(str(file))
    Draft202012Validator(SCHEMA).validate(read)
    assert {gap["block"]: gap["why"] for gap in read["without_formula"]}.items() >= gaps.items()
    assert bool(read["without_formula"]) == bool(gaps)
    text = " ".join(explain(str(file)).stdout.split())
    assert said in text
    assert ("Not whole" in text) == bool(gaps)


def test_attention_is_written_out_as_it_is_computed(tmp_path: Path) -> None:
    file = tmp_path / "attention.toml"
    network = "[network.transformer]\nwidth = 2\nheads = 1\nblocks = 1\ninner = 2\n"
    file.write_text(f"{SMALL}[dataset.adding]\nsteps = 2\n{network}[optimizer.sgd]", "utf-8")
    read = content(str(file))
    assert read["without_formula"] == []
    made = lines(read)
    shares = [line for line in made.values() if line["formula"].startswith("s4(1)[1] / (s4(1)[1] + s4(1)[2]")]
    assert [line["name"] for line in shares] == ["h2(1)[1]"]
    row = sum(made[f"h2(1)[{step}]"]["value"] for step in (1, 2, 3, 4))
    assert row == pytest.approx(1)  # the shares of what a step looks at


@pytest.mark.parametrize(
    ("loss", "data", "expected"),
    [
        ("gaussian_nll", "friedman", "0.5*(a2[2] + (y[1] - a2[1])*(y[1] - a2[1])*exp(-a2[2]))"),
        ("kl_divergence", "iris", "y[1]*log(y[1]) - y[1]*log(a2[1]) - y[2]*log(a2[2]) - y[3]*log(a2[3])"),
    ],
)
def test_a_loss_with_a_plain_number_among_names_is_written_out(
    loss: str, data: str, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "loss.toml"
    file.write_text(
        f"{SMALL}[dataset.{data}]\n[network.mlp]\nhidden = [2]\n[loss.{loss}]\n[optimizer.sgd]", "utf-8"
    )
    assert lines(content(str(file)))["loss(1)"]["formula"] == expected


def test_examples_without_targets_are_enough_where_inputs_are_the_targets(tmp_path: Path) -> None:
    exercise = "[explain]\nx = [1, 2]\nweights.W1 = [[1], [2]]\nweights.W2 = [[3, 4]]\n"
    file = tmp_path / "coding.toml"
    network = "[network.autoencoder]\nhidden = []\ncode = 1\n[optimizer.sgd]\n"
    file.write_text(f"{SMALL}[dataset.unlabelled]\n{network}{exercise}", "utf-8")
    # The code is 1 + 4, the reconstruction (15, 20): errors 14 and 18, whose mean square is 260.
    assert arrays(content(str(file)))["loss"] == [pytest.approx(260.0)]
    file.write_text(f"{SMALL}[dataset.xor]\n[optimizer.sgd]\n[explain]\nx = [1, 2]\n", "utf-8")
    assert "[explain] needs y: examples have inputs x and targets y" in explain(str(file), code=2).output


def test_every_number_of_the_exercise_has_a_formula_that_gives_it() -> None:
    """The formula in numbers, read as arithmetic, is the value: rounding to 17 digits loses nothing."""
    read = content(SEED, "--digits", "17")
    computed = [line for stage in read["stages"][1:] for block in stage["blocks"] for line in block["lines"]]
    written = [line for line in computed if line["numbers"]]
    assert written == computed
    functions = {"exp": math.exp, "log": math.log, "max": max}
    for line in written:
        code = re.sub(r"(.*) where (.*), (.*) elsewhere", r"\1 if \2 else \3", line["numbers"])
        assert eval(code, functions) == pytest.approx(line["value"], rel=1e-14), line["name"]
    assert all(line["formula"] for line in computed)


def test_the_text_shows_symbols_numbers_and_value_on_lines_of_a_page() -> None:
    text = explain(SEED).stdout
    assert "z1[1] = x[1]*W1[1,1] + x[2]*W1[1,2] + b1[1] = 1*0.1 + 2*0.2 + 0.05 = 0.55" in text
    assert "delta2[1] = a2[1] - y[1] = 0.55848 - 1 = -0.44152" in text
    assert "W1_new[1,1] = W1[1,1] - lr*dW1[1,1] = 0.1 - 0.1*(-0.22076) = 0.12208" in text
    assert "z1 = W1 x + b1" in text
    assert "dW1 = delta1 x^T" in text
    assert "(2 x 2)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_gradient_names_what_the_other_examples_of_the_batch_add(tmp_path: Path) -> None:
    # Predictions 3 and 6 for targets of 0: dL/dz is 2 * 3 / 2 and 2 * 6 / 2, dL/dW 1 * 3 + 2 * 6.
    exercise = "[explain]\nx = [[1], [2]]\ny = [0, 0]\nweights.W1 = [[3]]\n"
    file = tmp_path / "line.toml"
    file.write_text(
        f"{SMALL}[dataset.sine]\n[network.mlp]\nhidden = []\n[loss.mse]\n[optimizer.sgd]\n{exercise}", "utf-8"
    )
    text = explain(str(file)).stdout
    assert "dW1[1,1] = x[1]*delta1[1] + that of the other example = 1*3 + 12 = 15" in text
    assert "db1[1] = delta1[1] + that of the other example = 3 + 6 = 9" in text


def test_examples_that_count_more_show_their_weights(tmp_path: Path) -> None:
    """By hand: weights 1, 3 and three of 0 have a mean of 0.8; predictions 3 and 6 have errors 3 and 5.5."""
    rows = ["1,0,1,train", "2,0.5,3,train", "7,1,0,train", "8,2,0,train", "9,3,0,train", "5,5,1,valid"]
    (tmp_path / "rows.csv").write_text("\n".join(["a,y,w,part", *rows, "6,6,1,test"]), "utf-8")
    file = tmp_path / "weighted.toml"
    file.write_text(
        "# One step?\n[train]\nsteps = 5\nbatch_size = 'full'\n"
        "[split]\nstandardize = false\n"
        "[dataset.csv]\npath = 'rows.csv'\ntarget = 'y'\nweight = 'w'\nsplit_column = 'part'\n"
        "[network.mlp]\nhidden = []\n[loss.mse]\n[optimizer.sgd]\n[explain]\nweights.W1 = [[3]]\n",
        "utf-8",
    )
    read = content(str(file))
    assert arrays(read)["x"] == [2.0]  # the split shuffles rows
    assert sorted(arrays(read)["weight"]) == [0, 0, 0, 1.25, 3.75]
    assert (arrays(read)["weight"][0], arrays(read)["losses"][0]) == (3.75, 30.25)
    shown = lines(read)
    assert (
        shown["loss"]["formula"]
        == " + ".join([f"{'' if n > 1 else '('}weight({n})*loss({n})" for n in range(1, 6)]) + ") / 5"
    )
    assert shown["loss"]["value"] == pytest.approx(24.9375)  # (1.25 * 9 + 3.75 * 30.25) / 5
    assert shown["delta1[1]"]["formula"] == "weight(1)*2*(a1[1] - y[1]) / 5"
    assert shown["delta1[1]"]["value"] == pytest.approx(8.25)  # 3.75 * 2 * 5.5 / 5
    assert shown["dW1[1,1]"]["value"] == pytest.approx(18)  # 1.5 * 1 + 3.75 * 2 * 5.5 / 5 * 2
    # With rate 0.01 predictions become 2.805 and 5.61, with the bias's 0.0975 less still.
    bias = 0.01 * (1.5 + 8.25)
    errors = 2.82 - bias, 5.64 - bias - 0.5
    assert read["effect"]["loss_after"] == pytest.approx((1.25 * errors[0] ** 2 + 3.75 * errors[1] ** 2) / 5)
    assert read["without_formula"] == []
    marked = marks(tmp_path, {"delta1[1]": "2.2", "loss": "7.85"}, str(file))  # 39.25 / 5
    assert marked["delta1[1]"]["mistake"] == "forgot the weight"


def test_a_network_with_a_rule_is_drawn_forward_alone(tmp_path: Path) -> None:
    file, page = tmp_path / "reservoir.toml", tmp_path / "step.html"
    network = "[dataset.adding]\nsteps = 2\n[network.echo_state]\nhidden = 2\n"
    file.write_text(f"{SMALL}{network}[loss.mse]\n[optimizer.sgd]\nlr = 1", "utf-8")
    explain(str(file), "--html", str(page), "--plot", str(tmp_path / "step.svg"))
    html = page.read_text("utf-8")
    assert "Forward: inputs and activations" in html
    assert "Backward" not in html
    read = content(str(file))
    assert list(Draft202012Validator(SCHEMA).iter_errors(read)) == []
    assert [stage["name"] for stage in read["stages"]] == ["given", "forward", "loss", "gradients", "update"]
    rule = next(part for part in read["components"] if part["role"] == "network")
    assert "Wy = (HᵀH + ridge · I)⁻¹ Hᵀ Y" in " ".join(rule["formulas"])
    # The new read-out is what the rule fits: with rate 1 the old one cancels.
    old, direction, new = (values(read)[name] for name in ("Wy[1,1]", "dWy[1,1]", "Wy_new[1,1]"))
    assert new == pytest.approx(old - direction, rel=1e-12)


def test_the_json_keeps_to_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    read = content(SEED)
    assert list(Draft202012Validator(SCHEMA).iter_errors(read)) == []
    assert Draft202012Validator(SCHEMA).is_valid(read | {"more": 1}) is False


def test_a_value_of_the_command_line_takes_the_place_of_the_files_choice() -> None:
    assert content(SEED)["configuration"] == "lr=0.1"
    read = content(SEED, "optimizer.sgd.lr=0.5", "--only", "activation=tanh")
    assert (read["arm"], read["configuration"]) == ("tanh", "")
    new, old, gradient = (arrays(read)[name] for name in ("W1_new", "W1", "dW1"))
    np.testing.assert_allclose(new, np.array(old) - 0.5 * np.array(gradient), rtol=1e-14)


# A learner's sheet


def sheet(path: Path, answers: dict[str, str]) -> str:
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("name", "value"), *answers.items()])
    return str(path)


def marks(tmp_path: Path, answers: dict[str, str], *args: str, code: int = 1) -> dict[str, dict[str, Any]]:
    result = explain(
        *(args or (SEED,)), "--check", sheet(tmp_path / "answers.csv", answers), "--json", code=code
    )
    read = json.loads(result.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(read)) == []
    return {mark["name"]: mark for mark in read["check"]["answers"]}


def test_the_empty_sheet_filled_with_rounded_numbers_is_right(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    explain(SEED, "--answers-template", str(empty))
    names = [row["name"] for row in csv.DictReader(empty.read_text("utf-8").splitlines())]
    right = values(content(SEED))
    assert names == [name for name in right if name not in arrays_given(right)]
    answers = {name: f"{right[name]:.4f}" for name in names}
    marked = marks(tmp_path, answers, code=0)
    assert {mark["status"] for mark in marked.values()} == {"right"}


def arrays_given(right: dict[str, float]) -> set[str]:
    return {name for name in right if re.match(r"(x|y|W\d|b\d)\[", name)}


MISTAKES = {  # one wrong number of the exercise, by hand, and what it is called
    "sign": ("delta2[1]", "0.4415", "sign"),
    "factor 2": ("delta2[1]", "-0.8830", "factor 2"),
    "half": ("db1[2]", "0.13246", "factor 2"),
    "a weight of the transposed matrix": ("z1[1]", "-0.45", "transposed"),  # 1*0.1 + 2*(-0.3) + 0.05
    "a transposed gradient": ("dW1[2,1]", "-0.4415", "transposed"),
    "the updated weight in the backward pass": ("da1[1]", "-0.23148", "updated weight"),  # -.44152 * .52428
    "not updated": ("W1_new[1,2]", "0.200", "not updated"),
    "ascent": ("W1_new[1,2]", "0.15585", "sign"),  # 0.2 - 0.0441519
    "no learning rate": ("b2_new[1]", "0.64152", "forgot lr"),
    "the change alone": ("b2_new[1]", "0.04415", "change alone"),
    "z in place of a": ("a2[1]", "0.235", "used z in place of a"),
    "tanh in place of the sigmoid": ("a2[1]", "0.2308", "function of the wrong activation"),
    "the derivative in place of the function": ("a2[1]", "0.24658", "derivative"),
    "slope of the sigmoid": (
        "f'(z1[1])",
        "0.2320",
        "derivative of the wrong activation",
    ),  # σ(.55)(1 - σ(.55))
    "the value in place of the slope": ("f'(z1[1])", "0.55", "forgot the slope"),
    "no bias": ("z2[1]", "0.035", "missing term"),
    "a logarithm to base 10": ("loss", "0.25299", "logarithm"),
    "rounded wrongly": ("loss", "0.5826", "rounding"),
    "the decimal point": ("loss", "5.8253", "decimal point"),
    "swapped": ("dW2[1,1]", "-0.17661", "swapped"),
    "no common mistake": ("loss", "0.7123", "other"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_called_by_its_kind(mistake: str, tmp_path: Path) -> None:
    name, answer, kind = MISTAKES[mistake]
    mark = marks(tmp_path, {name: answer})[name]
    assert (mark["status"], mark["mistake"]) == ("wrong", kind), mark
    assert mark["correct"] == pytest.approx(values(content(SEED))[name])


def test_a_forgotten_slope_is_seen_where_it_matters(tmp_path: Path) -> None:
    # The dead unit of the second case: without f' its delta is 0.59267 * (-0.6).
    mark = marks(tmp_path, {"delta1[2]": "-0.3556"}, SEED, "--case", "one_dead")["delta1[2]"]
    assert mark["mistake"] == "forgot f'(z)"


def test_what_follows_from_a_mistake_is_consistent_and_no_second_mistake(tmp_path: Path) -> None:
    answers = {"delta2[1]": "0.4415", "da1[1]": "0.22075", "delta1[1]": "0.22075", "W1_new[1,1]": "0.077925"}
    marked = marks(tmp_path, answers)
    assert marked["delta2[1]"]["status"] == "wrong"
    assert [marked[name]["status"] for name in answers if name != "delta2[1]"] == ["follows"] * 3
    assert marked["da1[1]"]["sentence"].endswith("delta2[1]")
    # Also where the numbers between are left out.
    marked = marks(tmp_path, {"delta2[1]": "0.4415", "W1_new[1,1]": "0.077925"})
    assert marked["W1_new[1,1]"]["status"] == "follows"


def test_numbers_that_were_rounded_on_the_way_are_right(tmp_path: Path) -> None:
    # With a2 rounded to 0.56 delta2 is -0.44 and dW2[1,1] is -0.242, not -0.2428.
    marked = marks(tmp_path, {"a2[1]": "0.56", "delta2[1]": "-0.44", "dW2[1,1]": "-0.242"}, code=0)
    assert {mark["status"] for mark in marked.values()} == {"right"}


@pytest.mark.parametrize(
    "text",
    [
        "name,value\nW1_new[1,1],0.1221\nδ2[1], -0.4415\n",
        "name;value\nW1_new[1,1];0,1221\ndelta2[1];−0,4415\n",
        'Name\tValue\n"W1_new[1,1]"\t0.1221\ndelta2 [1]\t-0.4415\n\n',
        "sep=;\nname;value\nW1_new[1,1];0,1221\ndelta2[1];-0,4415\n",
        "name,value\rW1_new[1,1],0.1221\rdelta2[1],-0.4415\r",
        "\n\nname,value\nW1_new[1,1],\ndelta2[1],-0.4415\ndelta2[1],-0.44150\nW1_new[1,1],0.1221\n",
        "﻿name,value,remark\nW1_new[1,1],1.221e-1,done\ndelta2[1],-0.4415,\n",
    ],
    ids=[
        "commas",
        "semicolons",
        "tabs",
        "sep",
        "old line ends",
        "lines left empty or twice",
        "a byte-order mark and a third column",
    ],
)
def test_sheets_of_other_programs_are_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(text, encoding="utf-8")
    check = json.loads(explain(SEED, "--check", str(path), "--json").stdout)["check"]
    assert check["counts"]["right"] == 2, check


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("z1[1],0.5\n", "the first line must be name,value"),
        ("name,value\nz1[1],1\nz1[1],2\n", "stands there twice"),
        ('name,value\n"z1[1],1\n', "answers.csv: is no CSV"),
        ("name,value\nz1[1]," + "9" * 200_000, "answers.csv: is no CSV"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_sheet_is_refused_in_one_line(text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = explain(SEED, "--check", str(path), code=2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_unknown_names_and_what_is_no_number_are_said(tmp_path: Path) -> None:
    marked = marks(tmp_path, {"z1[3]": "1", "z1[1]": "half"})
    assert marked["z1[3]"]["status"] == "unknown"
    assert "Did you mean" in marked["z1[3]"]["sentence"]
    assert marked["z1[1]"]["status"] == "unreadable"


@pytest.mark.parametrize(
    "text", ["1e400", "NaN", "1/0", "1" + "0" * 400 + "/3", "1" + "0" * 5000 + "/3", "0x1"]
)
def test_a_number_that_no_float_holds_is_no_number(text: str, tmp_path: Path) -> None:
    assert marks(tmp_path, {"z1[1]": text})["z1[1]"]["status"] == "unreadable"


def test_a_formula_in_the_first_line_of_a_plugin_is_shown_with_numbers(file: Any, tmp_path: Path) -> None:
    """The docstrings of the README's plugins have no indented formula."""
    plugin = tmp_path / "cut.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    path = file("[explain]\nx = [1, 2]\ny = 1\nweights.W1 = [[1, 2], [3, 4]]", "weights.b1 = [0, 0]")
    read = content(path, "network.mlp.activation=cut", "--plugin", str(plugin))
    assert lines(read)["a1[1]"]["numbers"] == "max(7, 0.5) / (1 + exp(-7))"
    assert read["components"][0]["formulas"] == ["f(z) = max(z, 0.5) / (1 + exp(-z))"]


# The page


def test_the_page_stands_alone_and_has_every_number(tmp_path: Path) -> None:
    page = tmp_path / "step.html"
    explain(SEED, "--html", str(page))
    html = page.read_text("utf-8")
    assert "default-src &#39;none&#39;" in html
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert html.count("<svg") >= 8
    assert "nesterov = false" in html  # as in the file and in the text
    shown = re.sub(r"<[^>]+>", " ", html)
    for name, line in lines(content(SEED)).items():
        assert name.replace("'", "&#39;") in html, name
        assert line["text"] in shown


def test_names_from_the_file_are_escaped_on_the_page(file: Any, tmp_path: Path) -> None:
    page = tmp_path / "step.html"
    case = '[explain.cases."<b>&x"]\nx = [1, 2]\ny = 1'
    explain(file(case), "--html", str(page))
    assert "&lt;b&gt;&amp;x" in page.read_text("utf-8")
    assert "<b>" not in page.read_text("utf-8")


# What cannot be explained


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--step", "21"), "--step must be from 1 to 20"),
        (("--example", "2"), "--example must be from 1 to 1"),
        (("--case", "other"), "there is no case 'other'"),
        (("network.mlp.hidden=[65]",), "use --json"),
        (("network.mlp.hidden=[600,600]",), "up to 250,000 weights"),
        (("explain.x=[[1,2],[3]]",), "rows of equal length"),
        (("explain.x=[1,2]",), "needs y"),
        (("explain.x=[[1,2],[3,4]]", "explain.y=[1,2,3]"), "a row for each of the 2 examples"),
        (("explain.weights.W7=[1]",), "there is no 'W7'"),
        (("explain.weights.W1=[[1,2,3],[4,5,6]]",), "W1 must be 2 x 2"),
        (("explain.weights.W1=[1,2,3,4]",), "W1 must be 2 x 2 (inputs x units), got 4 in a row"),
        (("explain.x=[1,2]", "explain.y=7"), "y must be from 0 to 1 with binary_cross_entropy"),
        (("explain.file=large.json",), "x must be a number"),
        (("explain.wieghts=[1]",), "Did you mean 'weights'?"),
        (("explain.choose.optimizer=adam",), "no configuration has optimizer = adam"),
        (("explain.file=nowhere.json",), "cannot be read"),
        (("explain.layout=rows",), "layout must be one of"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_line(file: Any, args: tuple[str, ...], said: str) -> None:
    path = file()
    Path(path).with_name("large.json").write_text('{"x": [1, 1' + "0" * 400 + '], "y": 1}', encoding="utf-8")
    result = explain(path, *args, code=2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            "[explain]\nx = [1, 2]\ny = 2\n[dataset.iris]\n[network.mlp]",
            "y must have a number for each class",
        ),
        (
            "[split]\nstandardize = false\n[dataset.stored_patterns]\nsize = 8\n[network.hopfield]",
            "hopfield learns by a rule of its own",
        ),
        ("[objective.rosenbrock]", "minimises a function"),
    ],
)
def test_problems_without_a_step_are_refused(problem: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "step.toml"
    path.write_text(f"{problem}\n[optimizer.sgd]\n", encoding="utf-8")
    assert said in explain(str(path), code=2).stderr


@pytest.mark.parametrize("option", ["--html", "--answers-template"])
def test_a_folder_that_is_not_there_is_made(tmp_path: Path, option: str) -> None:
    file = tmp_path / "new" / "step.out"
    assert explain(SEED, option, str(file)).stdout == f"Written: {file}\n"
    assert file.stat().st_size
