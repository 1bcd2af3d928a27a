"""Where a run is written down: its settings, its history, its checkpoints, its result."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from innerloop.adapted.drawings import inputs_of
from innerloop.adapted.extension import gone_on
from innerloop.adapted.extension import sentence as sentence_of_extension
from innerloop.adapted.record import facts_of, found_in, new_settings, run_of
from innerloop.adapted.run import Run
from innerloop.devices import to_device
from innerloop.language import say
from innerloop.outer import Alone
from innerloop.tasks import Tasks
from innerloop.training import State, initialise_model
from innerloop.training.course import Course
from innerloop.training.folder import History, RunFolder, Settings, name_of
from innerloop.training.optimiser import Layout
from innerloop.training.plan import (
    Plan,
    changed_plan,
    following,
    kernels_of,
    plan_of,
    resumed,
)
from innerloop.training.trial import tried


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
        found = None if folder is None else found_in(folder, settings, resume)
        if found is not None:
            plan = resumed(plan, found["plan"], workers, memory)
            course, workers = following(course, {**plan, "last": None}), plan["workers"]
        if start.verdict is None and (found is None or memory is not None):
            plan = tried(course, start.last(layout), plan, workers, memory)
        settings = {**settings, "plan": plan}
        keeper = cls(course, layout, start, settings, [], folder)
        return keeper if folder is None else keeper.placed(found)

    def placed(self, found: Settings | None) -> Keeper:
        """Where it begins, by what its folder holds."""
        folder, course, start = self.folder, self.course, self.start
        assert folder is not None
        folder.tidy()
        if found is None:
            folder.write_settings(self.settings)
            return self
        if (sentence := changed_plan(found["plan"], self.plan)) is not None:
            warnings.warn(say(*sentence), stacklevel=4)
        extended = name_of(found) != name_of(self.settings)
        start = gone_on(course, folder.newest() or start, extended=extended)
        if extended:
            warnings.warn(say(*sentence_of_extension(course, start)), stacklevel=4)
            folder.begin_again(self.settings)
        history = folder.cut_history(start.step + (start.verdict is not None))
        return self._replace(start=to_device(start, course.device), history=history)

    def agreed(self, ranks: Alone) -> Keeper:
        """The same beginning and plan for every rank: those of rank 0, which has the folder."""
        start, plan = ranks.same((self.start, self.plan))
        settings, course = {**self.settings, "plan": plan}, following(self.course, plan)
        keeper = self._replace(course=course, start=start, settings=settings)
        if self.folder is not None and not self.folder.checkpoints():
            keeper.save(start)
        return keeper

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
