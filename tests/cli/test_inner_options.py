"""The inner loop's settings as options, read off the constructors."""

import pytest

from innerloop import ALGORITHMS, InputError, losses
from innerloop.cli.settings import read_settings


def read(*arguments, algorithm="maml"):
    return read_settings(algorithm, list(arguments), [])


def test_words_numbers_and_patterns_become_settings():
    found = read(
        *("--inner-optimiser", "adam", "--inner-rates=layer", "--inner-clip", "10"),
        *("--moves", "0.*,*.bias", "--freeze", "4.*", "--inner-loss", "mse"),
    )
    assert found == {
        "inner_optimiser": "adam",
        "inner_rates": "layer",
        "inner_clip": 10.0,
        "moves": "0.*,*.bias",
        "freeze": "4.*",
        "inner_loss": losses.mse,
    }
    assert read("--adam", "--inner-steps", "3", algorithm="reptile") == {
        "adam": True,
        "inner_steps": 3,
    }


def test_a_loss_of_the_user_s_own_is_imported():
    assert read("--loss", "innerloop.losses:mse")["loss"] is losses.mse
    with pytest.raises(InputError, match=r"inner_loss nowhere:f cannot be imported .*No module"):
        read("--inner-loss", "nowhere:f")


def test_a_word_that_is_none_of_those_is_said():
    with pytest.raises(InputError, match="inner_optimiser must be one of sgd, momentum, nesterov"):
        read("--inner-optimiser", "adamw")
    with pytest.raises(InputError, match="has no option through; it has"):
        read("--through", "unrolled", algorithm="fomaml")


@pytest.mark.parametrize("name", ["maml", "fomaml", "anil", "boil", "meta_sgd", "reptile"])
def test_the_whole_family_reads_them(name):
    found = read("--inner-clip", "1", "--inner-optimiser", "rmsprop", algorithm=name)
    assert found == {"inner_clip": 1.0, "inner_optimiser": "rmsprop"}
    assert ALGORITHMS[name].suggestions.steps
