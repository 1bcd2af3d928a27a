"""What a family of tasks consists of, as JSON."""

from __future__ import annotations

from typing import Any

from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.completion import CompletionStream
from innerloop.tasks.small.stream import SmallTableStream


def show(tasks: Tasks) -> dict[str, Any]:
    """Kind, settings, shapes, and for each split its shots and what it draws from.

    >>> from innerloop.tasks import sinusoids
    >>> show(sinusoids(shots=5))["splits"]["test"]
    {'shots': 5, 'queries': 10, 'ways': None, 'support': [5, 1], 'query': [10, 1], 'classes': None}
    """
    return {
        "name": tasks.name,
        "kind": tasks.kind,
        "settings": tasks.settings,
        "input_shape": list(tasks.input_shape),
        "outputs": tasks.outputs,
        "splits": {name: show_split(tasks, name) for name in SPLITS},
    }


def show_split(tasks: Tasks, name: str) -> dict[str, Any]:
    """support, query: the shapes of one task's x. classes: None where every task is new."""
    stream = tasks.split(name)
    support, query = stream.largest
    facts = {
        "shots": stream.shots,
        "queries": stream.queries,
        "ways": stream.ways,
        "support": [support, *tasks.input_shape],
        "query": [query, *tasks.input_shape],
        "classes": None,
    }
    if isinstance(stream, SmallTableStream):
        return facts | stream.summary()
    if isinstance(stream, ClassStream | CompletionStream):
        return facts | stream.bank.summary()
    return facts
