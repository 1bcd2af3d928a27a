"""Where a run is written down: its settings, its history, its checkpoints, its result."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import NamedTuple

import torch

from innerloop.adapted.drawings import inputs_of
from innerloop.adapted.extension import gone_on
from innerloop.adapted.extension import sentence as sentence_of_extension
from innerloop.adapted.record import facts_of, new_settings, open_folder, run_of
from innerloop.adapted.run import Run
from innerloop.devices import to_device
from innerloop.language import say
from innerloop.outer import PATHS, Alone
from innerloop.tasks import Tasks
from innerloop.training import State, initialise_model
from innerloop.training.course import Course
from innerloop.training.folder import History, RunFolder, Settings, name_of
from innerloop.training.optimiser import Layout
from innerloop.training.plan import (
    BEFORE,
    Plan,
    at_once,
    changed_plan,
    kernels_of,
    plan_of,
)


class Keeper(NamedTuple):
    """A course, where it begins, and where it is written down."""

    course: Course
    layout: Layout
    start: State
    settings: Settings
    history: History
    folder: RunFolder | None

    @classmethod
    def open(
        cls,
        course: Course,
        tasks: Tasks,
        folder: RunFolder | None,
        resume: bool,
        workers: int | None = None,
        memory: str | None = None,
        ranks: int = 1,
    ) -> Keeper:
        plan = plan_of(course.learner, course.meta_batch, workers, ranks, course.device)
        settings = new_settings(course, tasks, plan)
        layout, start = initialise_model(course)
        start = to_device(start, course.device)
        goes_on = resume and folder is not None and folder.exists
        if start.verdict is None and not (goes_on and memory is None):
            plan["at_once"] = at_once(course, start.last(layout), plan, memory)
        history: History = []
        if folder is None:
            return cls(course, layout, start, settings, history, None)
        found = open_folder(folder, settings, resume)
        folder.tidy()
        if found is not None:
            if (path := found["plan"]["path"]) in PATHS:  # chosen then: the steps go on by it
                course = replace(course, learner=course.learner.on_path(path))
                plan |= {"path": path, "kernels": kernels_of(path)}
            if workers is None:  # as it was chosen then
                plan["workers"] = {**BEFORE, **found["plan"]}["workers"]
                threads = {**plan, **found["plan"]}["threads"]
                plan["threads"] = min(threads, torch.get_num_threads())  # as far as there are any
            if memory is None:
                plan["at_once"] = {**BEFORE, **found["plan"]}["at_once"]
            if (sentence := changed_plan(found["plan"], plan)) is not None:
                warnings.warn(say(*sentence), stacklevel=3)
            extended = name_of(found) != name_of(settings)
            start = gone_on(course, folder.newest() or start, extended=extended)
            if extended:
                warnings.warn(say(*sentence_of_extension(course, start)), stacklevel=3)
                folder.begin_again(settings)
            history = folder.cut_history(start.step + (start.verdict is not None))
            start = to_device(start, course.device)
        keeper = cls(course, layout, start, settings, history, folder)
        if not folder.checkpoints():
            keeper.save(start)
        return keeper

    def agreed(self, ranks: Alone) -> Keeper:
        """The same beginning and plan for every rank: those of rank 0, which has the folder."""
        start, plan = ranks.same((self.start, self.plan))
        course = self.course
        if (path := plan["path"]) in PATHS and path != course.learner.path:
            course = replace(course, learner=course.learner.on_path(path))
        return self._replace(course=course, start=start, settings={**self.settings, "plan": plan})

    @property
    def plan(self) -> Plan:
        return self.settings["plan"]

    def note(self, state: State) -> None:
        """Append what the state adds to the history."""
        if state.row is not None:
            self.history.append(state.row)
            if self.folder is not None:
                self.folder.append(state.row)

    def save(self, state: State) -> None:
        """Write a checkpoint; before it the plan, should the learner have had to change it."""
        if self.folder is None:
            return
        path = self.course.learner.path
        if self.plan["path"] != path:
            self.plan.update(path=path, kernels=kernels_of(path))
            self.folder.write_settings(self.settings)
        self.folder.save(state, name_of(self.settings))

    def close(self, state: State, tasks: Tasks) -> Run:
        """Write the result and hand over the run."""
        facts = facts_of(state, self.course.meta_batch)
        result, last = state.result(self.layout), state.last(self.layout)
        if self.folder is not None:
            self.folder.write_result(result, facts, name_of(self.settings))
        return run_of(
            self.course.learner,
            tasks.kind,
            result,
            facts,
            self.history,
            tasks=tasks,
            inputs=inputs_of(tasks),
            folder=self.folder and self.folder.path,
            last=last,
            settings=self.settings,
        )
