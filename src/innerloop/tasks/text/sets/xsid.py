"""xSID: the same dialogue in 19 languages and dialects (van der Goot et al. 2021,
arXiv:2105.07316; version 0.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from innerloop.tasks.data import locate
from innerloop.tasks.text.sets.sentences import Sentence, letters, once

SPLIT = {
    "train": ("ar", "de", "de-ba", "de-muc", "en", "it", "ja", "nl", "tr", "zh"),
    "validation": ("de-st", "id"),
    "test": ("da", "gsw", "kk", "lt", "nap", "no", "sr"),
}
FACT = re.compile(r"# (\S+?)(?: =|:) (.*)")
FEWEST = 10  # sentences of an intent in a language; those with fewer are left out
# For tasks of intents that meta-training never saw, in any language.
INTENTS = {
    "train": (
        *("RateBook", "SearchCreativeWork", "SearchScreeningEvent"),
        *("alarm.cancel_alarm", "alarm.set_alarm", "alarm.show_alarms"),
    ),
    "test": (
        *("AddToPlaylist", "BookRestaurant", "PlayMusic", "weather.find"),
        *("reminder.cancel_reminder", "reminder.set_reminder", "reminder.show_reminders"),
    ),
}


def read() -> dict[str, list[Sentence]]:
    """{"train", "validation", "test"}: sentences grouped by language, each once.

    Meta-training has the sentences of the files `valid`; validation and test have those of `test`,
    without what has an original in `valid`. So no sentence that is judged was ever seen, in any
    language.
    """
    files = {path.name.removesuffix(".conll"): path for path in locate("xsid")}
    english = {part: list(records(files[f"en.{part}"])) for part in ("valid", "test")}
    originals = {part: [row["text"] for row in rows] for part, rows in english.items()}
    known = {letters(text) for text in originals["valid"]}
    found: dict[str, list[Sentence]] = {}
    for split, languages in SPLIT.items():
        part = "valid" if split == "train" else "test"
        rows = [s for one in languages for s in of_language(files, one, part, originals[part])]
        if part == "test":
            rows = [s for s in rows if letters(s.original) not in known]
        found[split] = frequent(once(rows))
    return found


def of_language(
    files: dict[str, Path], language: str, part: str, originals: list[str]
) -> Iterator[Sentence]:
    for number, row in enumerate(records(files[f"{language}.{part}"])):
        place = int(row["id"].partition("/")[0]) - 1 if "id" in row else number
        original = row.get("text-en") or originals[place]
        yield Sentence(row["text"], row["intent"].replace("/", "."), language, original)


def records(path: Path) -> Iterator[dict[str, str]]:
    """{"text", "intent", ...} of each sentence: the comments before its words."""
    facts: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        if found := FACT.match(line):
            facts[found[1]] = found[2].strip()
        elif not line.strip() and facts:
            yield facts
            facts = {}
    if facts:
        yield facts


def frequent(sentences: list[Sentence]) -> list[Sentence]:
    count: dict[str, int] = {}
    for sentence in sentences:
        count[sentence.class_name] = count.get(sentence.class_name, 0) + 1
    return [sentence for sentence in sentences if count[sentence.class_name] >= FEWEST]
