"""A task that grows while one talks: what has been taught so far, and answers from it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from innerloop.adapted import Adapted, Run, load
from innerloop.arguments import checked
from innerloop.errors import InputError
from innerloop.structure.scope import features, nearness, scope
from innerloop.tasks.text import TextInputs
from innerloop.tasks.text.reading import read_texts
from innerloop.tasks.text.sentences import sentences
from innerloop.tasks.text.sets.sentences import letters
from innerloop.training.files import write_atomically

KEEP = 0.98  # the share of sentences of an intent that are not taken for none
LADDER = (1, 2, 3, 5, 10)  # numbers of examples that a limit is set for
FEWEST = 2  # intents, below which there is nothing to tell apart


@dataclass(frozen=True)
class Answer:
    """intent: the most probable; probability: its own. known: False where the sentence is like
    nothing that was taught. nearest: the taught sentence that is most like it, and its intent."""

    intent: str
    probability: float
    known: bool
    nearest: str
    nearest_intent: str


@dataclass(frozen=True, eq=False)
class Chat:
    """Intents taught to a run of sentences. It does not change: what teaches returns a new one.

    taught: (sentence, intent) in the order of teaching.

    >>> import innerloop as il
    >>> chat = il.Chat.of(run).teach("alarm", "wake me at 7").teach("music", "play a song")  # doctest: +SKIP
    >>> chat.ask("叫我起床").intent  # doctest: +SKIP
    'alarm'
    """

    run: Run
    taught: tuple[tuple[str, str], ...] = ()
    _limits: dict[tuple[int, int], float] = field(default_factory=dict, repr=False)

    @classmethod
    @checked(run="il.load('runs/first')")
    def of(cls, run: Run | str | os.PathLike[str], file: str | os.PathLike[str] = "") -> Chat:
        """The chat of a run, or of its folder. file: what `save` wrote; none, or one that is not there
        yet, begins anew."""
        run = run if isinstance(run, Run) else load(run)
        if not isinstance(run.inputs, TextInputs):
            raise InputError(
                f"a chat needs a run that reads sentences, and this one reads {kind_of(run)}; train one on "
                "clinc150, xsid or a file of your own.",
                f"对话需要读取句子的运行，而该运行读取 {kind_of(run)}；请在 clinc150、xsid 或自己的文件上训练。",
            )
        path = Path(file) if file else None
        return cls(run, read(path) if path is not None and path.exists() else ())

    @property
    def intents(self) -> dict[str, int]:
        """{intent: how many sentences it was taught by}, in the order of teaching."""
        found: dict[str, int] = {}
        for _, intent in self.taught:
            found[intent] = found.get(intent, 0) + 1
        return found

    def teach(self, intent: str, *texts: str) -> Chat:
        """These sentences are of this intent, whatever was said of them before."""
        if not str(intent).strip():
            raise InputError(
                "an intent needs a name, got an empty one; write INTENT: sentence.",
                "意图需要名称，收到空名称；请写成“意图: 句子”。",
            )
        more = tuple((text, str(intent).strip()) for text in sentences(list(texts)))
        if not more:
            raise InputError(
                f"an intent is taught by sentences, and {intent!r} came with none; give one at least.",
                f"意图需要用句子来教，而 {intent!r} 没有句子；请至少给出一句。",
            )
        said = {letters(text) for text, _ in more}
        kept = tuple(row for row in self.taught if letters(row[0]) not in said)
        return replace(self, taught=kept + more)

    correct = teach

    def forget(self, intent: str) -> Chat:
        """Without this intent."""
        if intent not in self.intents:
            known = ", ".join(self.intents) or "none"
            raise InputError(
                f"there is no intent {intent!r} to forget, those taught are: {known}; check its name.",
                f"没有可忘记的意图 {intent!r}，已教的有：{known}；请检查名称。",
            )
        return replace(self, taught=tuple(row for row in self.taught if row[1] != intent))

    @cached_property
    def task(self) -> Adapted:
        """The run, adapted to all that was taught."""
        if len(self.intents) < FEWEST:
            raise InputError(
                f"an answer needs two intents to choose between, and {len(self.intents)} "
                "taught so far; teach another.",
                f"回答至少需要两个可选的意图，目前只教了 {len(self.intents)} 个；请再教一个。",
            )
        texts, intents = zip(*self.taught, strict=True)
        return self.run.adapt(list(texts), list(intents))

    def ask(self, text: str) -> Answer:
        """What a sentence means."""
        task = self.task
        [chances] = np.asarray(task.predict_proba([text]))
        assert task.classes is not None
        best = int(chances.argmax())
        near, row = self._nearest(text)
        nearest, intent = self.taught[row]
        return Answer(
            str(task.classes[best]), float(chances[best]), near > self.limit, nearest, intent
        )

    @property
    def limit(self) -> float:
        """The nearness below which a sentence is like nothing that was taught, as the run's
        meta-validation tasks say; minus infinity where they are not here."""
        counts = list(self.intents.values())
        ways, shots = len(counts), max(n for n in LADDER if n <= max(1, int(np.median(counts))))
        if (ways, shots) not in self._limits:
            self._limits[ways, shots] = self._set_limit(ways, shots)
        return self._limits[ways, shots]

    def _set_limit(self, ways: int, shots: int) -> float:
        if self.run.tasks is None:
            return float("-inf")
        try:
            found = scope(
                self.run.learner,
                self.run.meta,
                self.run.tasks.validation,
                ways=ways,
                shots=shots,
                keep=KEEP,
            )
        except InputError:  # too few sentences or classes to say anything
            return float("-inf")
        return found.limit

    def _nearest(self, text: str) -> tuple[float, int]:
        """(nearness to the nearest intent, the place of the nearest sentence that was taught)."""
        task = self.task
        assert task.inputs is not None
        assert task.support is not None
        x = task.inputs.x([text])
        learner, meta = self.run.learner, self.run.meta
        apart = features(learner, meta, x) - features(learner, meta, task.support.x)
        near = nearness(learner, meta, task.support, x)
        return float(near[0]), int(apart.square().sum(1).argmin())

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write what was taught, a sentence and its intent per line (JSONL), whole or not at all."""
        rows = [json.dumps({"text": t, "label": i}, ensure_ascii=False) for t, i in self.taught]
        write_atomically(Path(file), "".join(f"{row}\n" for row in rows).encode())


def read(path: Path) -> tuple[tuple[str, str], ...]:
    if path.is_file() and not path.read_bytes().strip():
        return ()
    found = read_texts(path)
    assert found.labels is not None
    return tuple(zip(found.texts, found.labels, strict=True))


def kind_of(run: Run) -> str:
    return run.inputs.name if run.inputs is not None else "arrays"
