import pytest

from innerloop import InputError, use_language
from innerloop.errors import InnerloopError, MissingExtra, not_one_of
from innerloop.language import language, say, typed

VARIABLES = ("INNERLOOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    use_language(None)
    yield
    use_language(None)


def test_english_where_nothing_is_said():
    assert language() == "en"


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "zh_TW", "zh"])
def test_the_locale_is_followed(monkeypatch, locale):
    monkeypatch.setenv("LANG", locale)
    assert say("task", "任务") == "任务"
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert say("task", "任务") == "task"


def test_a_choice_overrides_the_locale(monkeypatch):
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    use_language("en")
    assert say("task", "任务") == "task"


def test_an_error_speaks_the_language_of_who_reads_it():
    error = InputError("ways must be 2 or more", "类别数至少为 2")
    assert str(error) == "ways must be 2 or more"
    use_language("zh")
    assert str(error) == "类别数至少为 2"


def test_errors_know_how_the_command_line_ends():
    assert InnerloopError("ours").exit_code == 1
    assert InputError("yours").exit_code == 2
    assert str(MissingExtra("tensorboard", "--tensorboard")).endswith(
        "pip install 'innerloop[tensorboard]'."
    )


def test_the_hint_is_given_in_both_languages():
    error = not_one_of("--algorithm", ["maml", "anil"], "mamll")
    assert error.en.endswith("got 'mamll'; did you mean maml?")
    assert error.zh.endswith("收到 'mamll'；是否想写 maml？")
    assert not_one_of("--through", ["unrolled"], "x", "truncated(N)").en == (
        "--through must be one of unrolled, truncated(N), got 'x'."
    )


def test_a_setting_is_named_as_it_is_written_here():
    assert say("lower --meta-batch or a-b.", "") == "lower meta_batch or a-b."
    with typed():
        assert say("lower --meta-batch.", "") == "lower --meta-batch."
