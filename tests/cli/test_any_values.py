"""Whatever is typed for an option: done or one sentence, never a traceback, one object of JSON."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from innerloop import use_language
from innerloop.cli.app import app

runner = CliRunner()

NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "2", "-1", "1.5", "1e-3", "nan", "inf", "-inf", "1e400", "0x10"]),
    st.sampled_from(["999999999999", "9" * 30, "-" + "9" * 30, "1_0", " 3", "½", "٣"]),
    st.integers(-3, 3).map(str),
    st.floats().map(str),
)
WORDS = st.one_of(
    st.sampled_from(["", " ", "-", "--", "mlp", "conv4", "adam", "cosine", "true", "None", "."]),
    st.sampled_from(["truncated(0)", "truncated(2)", "first_order", "mse", "a:b", "[0]", "{}"]),
    st.text(max_size=6),
)
VALUES = st.one_of(NUMBERS, WORDS)
SIZES = ["--steps", "--minutes", "--meta-batch", "--lr", "--clip", "--patience", "--target"]
TRAIN = [
    *("--algorithm", "--model", "--ways", "--shots", "--queries", "--train-shots", "--schedule"),
    *("--optimiser", "--validate-every", "--seed", "--inner-lr", "--inner-steps", "--through"),
    *("--loss", "--transductive", "--distance", "--nonsense", "-x", "--lang", *SIZES),
]
EVALUATE = [
    *("--on", "--split", "--episodes", "--ways", "--shots", "--queries", "--seed", "--inner-lr"),
    *("--inner-steps", "--nonsense", "--lang"),
]
SLOW = ("--steps", "--inner-steps", "--episodes", "--queries", "--shots", "--meta-batch", "--ways")
PATIENT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def options(names: list[str]) -> st.SearchStrategy[list[str]]:
    def pair(name: str) -> st.SearchStrategy[list[str]]:
        values = VALUES.filter(lambda v: name not in SLOW or is_quick(v))
        return values.flatmap(
            lambda value: st.sampled_from([[name, value], [f"{name}={value}"], [name]])
        )

    some = st.lists(st.sampled_from(names).flatmap(pair), min_size=1, max_size=3)
    return some.map(lambda pairs: [word for pair in pairs for word in pair])


def is_quick(value: str) -> bool:
    """Not a number that would be obeyed for hours."""
    try:
        return int(value) <= 3
    except ValueError:
        return True


def check(arguments: list[str]) -> None:
    done = runner.invoke(app, arguments)
    use_language(None)  # whatever --lang has chosen
    assert done.exit_code in (0, 2), (arguments, done.output, done.exception)
    assert "Traceback" not in done.output, arguments
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1, (arguments, done.stdout, done.stderr)
    found = json.loads(lines[0])
    assert isinstance(found, dict)
    assert ("error" in found) <= (done.exit_code == 2)


@pytest.fixture(scope="module")
def sine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sine"
    given = ["--algorithm", "maml", "--steps", "1", "--meta-batch", "1", "--out", str(folder)]
    assert runner.invoke(app, ["train", "sinusoids", *given]).exit_code == 0
    return folder


@PATIENT
@given(st.sampled_from(["sinusoids", "linear", "digits"]), options(TRAIN), st.data())
def test_train_takes_or_refuses(family: str, typed: list[str], data: st.DataObject) -> None:
    budget = ["--steps", "1", "--meta-batch", "1", "--queries", "1", "--shots", "1"]
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", str(Path(folder) / "run")]
        check(["train", family, "--algorithm", "maml", *budget, *out, "--json", *typed])


@PATIENT
@given(options(EVALUATE))
def test_evaluate_takes_or_refuses(sine: Path, typed: list[str]) -> None:
    check(["evaluate", str(sine), "--episodes", "2", "--baselines", "none", "--json", *typed])
