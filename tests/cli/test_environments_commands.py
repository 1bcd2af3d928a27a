"""train and evaluate with environments."""

import json

import pytest
from typer.testing import CliRunner

from innerloop.cli.app import app


def call(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rl") / "run"
    options = ["--arms", "3", "--trial-episodes", "4", "--hidden", "4", "--meta-batch", "20"]
    found = call("train", "bandits", "--algorithm", "rl2", *options, "--steps", "2", "--json",
                 "--out", str(folder))  # fmt: skip
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout.splitlines()[-1])
    assert told.keys() >= {"run", "verdict", "steps", "seconds", "tasks_per_second"}
    assert told["verdict"] == "out_of_steps"
    return folder


def test_evaluate_tells_the_return_by_episode_beside_the_rules_and_the_optimum(run):
    found = json.loads(call("evaluate", str(run), "--episodes", "50", "--json").stdout)
    assert found["metric"] == "return"
    assert len(found["by_episode"]) == 4
    assert set(found["baselines"]) == {"random", "Thompson sampling", "UCB1", "Gittins"}
    assert 2 < found["optimum"] < 3
    shorter = call("evaluate", str(run), "--episodes", "50", "--trial-episodes", "2", "--json")
    assert len(json.loads(shorter.stdout)["by_episode"]) == 2


def test_what_is_printed_for_people_ends_with_the_optimum(run):
    lines = call("evaluate", str(run), "--episodes", "50").stdout.splitlines()
    assert lines[1].startswith("rl2")
    assert lines[-1].startswith("exact optimum: 2.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--algorithm", "anil"], "--algorithm must be one of rl2, varibad, dpt, maml, cavia"),
        (["--arm", "3"], "did you mean --arms?"),
        (["--shots", "3"], "--shots does not apply to environments such as bandits"),
        (["--arms", "two"], "--arms must be a whole number, got 'two'"),
    ],
)
def test_what_does_not_apply_is_refused_in_one_sentence(arguments, sentence):
    found = call("train", "bandits", *arguments)
    assert found.exit_code == 2
    assert sentence in found.output
    assert len(found.output.strip().splitlines()) == 1


def test_a_run_in_environments_has_no_split_of_shots(run):
    found = call("evaluate", str(run), "--shots", "3")
    assert found.exit_code == 2
    assert "--shots does not apply to a run of reinforcement learning" in found.output
