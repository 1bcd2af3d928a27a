"""The run folder: all that is needed to read a run, rebuild it, or go on with it.

    settings.json       what was asked for, and the plan it ran on
    history.jsonl       one JSON object per line: step, loss, lr, validation, dropped, seconds
    meta.safetensors    the result
    state/              the last two checkpoints, each whole in itself

A process may be killed at any moment, also while it writes: every file but the history is
replaced in one rename, and of the history only the lines up to the checkpoint count.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.training.files import (
    BESIDE,
    damaged,
    digest,
    disk_errors,
    read_tensors,
    to_json,
    write_atomically,
    write_tensors,
)
from innerloop.training.state import State, from_data, to_data

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

GENERATIONS = 2
ASKED = ("algorithm", "settings", "model", "tasks", "training")  # what the digest names

Settings = dict[str, Any]
History = list[dict[str, Any]]


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def exists(self) -> bool:
        return (self.path / "settings.json").is_file()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other process trains in this folder meanwhile; the system lets go when we die."""
        if fcntl is None:
            yield
            return
        path = self.path / "state" / "lock"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("a")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"another process is training in {str(self.path)!r}; wait for it, or choose "
                    "another --out.",
                    f"另一个进程正在 {str(self.path)!r} 中训练；请等待其结束，或换一个 --out。",
                ) from error
            except OSError:  # a file system without locks
                pass
            yield

    def check_free(self) -> None:
        """A folder that holds something else is not ours to write in."""
        with disk_errors(self.path):
            if self.exists or not self.path.is_dir():
                return
            names = sorted(p.name for p in self.path.iterdir())
            others = [n for n in names if n != "state" and not n.startswith(BESIDE)]
            others += [p.name for p in (self.path / "state").glob("*") if not is_ours(p)]
        if others:
            raise InputError(
                f"a run needs a folder of its own, and {str(self.path)!r} holds {others[0]!r}; choose "
                "another --out.",
                f"运行需要自己的文件夹，而 {str(self.path)!r} 中已有 {others[0]!r}；请换一个 --out。",
            )

    @property
    def begun(self) -> bool:
        """Whether a step was taken and kept."""
        return any(step_of(path) > 0 for path in self.checkpoints())

    def discard(self) -> None:
        """Remove what a run has written here; `check_free` has made sure that all of it is ours."""
        shutil.rmtree(self.path / "state", ignore_errors=True)
        self.tidy()
        for name in ("settings.json", "history.jsonl", "meta.safetensors"):
            with contextlib.suppress(OSError):
                (self.path / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if not any(self.path.iterdir()):
                self.path.rmdir()

    # settings

    def write_settings(self, settings: Settings) -> None:
        write_atomically(self.path / "settings.json", to_json(settings).encode())

    def read_settings(self) -> Settings:
        path = self.path / "settings.json"
        with disk_errors(path):
            found = path.is_file()
        if not found:
            raise InputError(
                f"{str(self.path)!r} is not a run folder: it has no settings.json; "
                "give the folder that train wrote.",
                f"{str(self.path)!r} 不是运行文件夹：缺少 settings.json；请给出 train 写入的文件夹。",
            )
        try:
            with disk_errors(path):
                text = path.read_text(encoding="utf-8")
            settings = json.loads(text)
        except ValueError as error:
            raise damaged(path) from error
        if not isinstance(settings, dict) or not settings.keys() >= set(ASKED):
            raise damaged(path)
        return settings

    # history

    def append(self, row: dict[str, Any]) -> None:
        path = self.path / "history.jsonl"
        with disk_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def read_history(self, until: int | None = None) -> History:
        """The whole lines, in order, up to a step; a torn last line is left out."""
        path = self.path / "history.jsonl"
        if not path.is_file():
            return []
        rows = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict) or "step" not in row:
                break
            rows.append(row)
        return [row for row in rows if until is None or row["step"] < until]

    def cut_history(self, until: int) -> History:
        """Forget the lines that were written after the checkpoint; they will come again."""
        rows = self.read_history(until)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_atomically(self.path / "history.jsonl", text.encode())
        return rows

    def begin_again(self, settings: Settings) -> None:
        """The run goes on with these settings; its newest checkpoint counts, no longer its result."""
        self.write_settings(settings)
        (self.path / "meta.safetensors").unlink(missing_ok=True)

    # checkpoints

    def checkpoints(self) -> list[Path]:
        """Newest first."""
        return sorted((self.path / "state").glob("step-*.safetensors"), key=step_of, reverse=True)

    def save(self, state: State, name: str) -> None:
        """A checkpoint of `state` under the digest `name` of its settings; the oldest one goes."""
        history = self.path / "history.jsonl"
        if history.is_file():
            with disk_errors(history), history.open("rb") as file:
                os.fsync(file.fileno())
        tensors, values = to_data(state)
        path = self.path / "state" / f"step-{state.step}.safetensors"
        write_tensors(path, tensors, {**values, "settings": name})
        with disk_errors(path):
            for old in self.checkpoints()[GENERATIONS:]:
                old.unlink(missing_ok=True)

    def newest(self) -> State | None:
        """The newest checkpoint that is whole; None before the first one."""
        checkpoints = self.checkpoints()
        for path in checkpoints:
            try:
                return from_data(*read_tensors(path))
            except InputError:
                continue
        if checkpoints:
            raise damaged(checkpoints[0])
        return None

    def tidy(self) -> None:
        """Remove what a killed process left half-written."""
        for folder in (self.path, self.path / "state"):
            for beside in folder.glob(f"{BESIDE}*"):
                beside.unlink(missing_ok=True)

    # result

    def write_result(self, meta: Meta, facts: dict[str, Any], name: str) -> None:
        tensors = {f"params/{n}": leaf for n, leaf in meta.params.items()}
        tensors |= {f"state/{n}": leaf for n, leaf in meta.state.items()}
        write_tensors(self.path / "meta.safetensors", tensors, {**facts, "settings": name})

    def read_result(self) -> tuple[Meta, dict[str, Any]] | None:
        path = self.path / "meta.safetensors"
        if not path.is_file():
            return None
        tensors, facts = read_tensors(path)
        parts: dict[str, dict[str, Any]] = {"params": {}, "state": {}}
        for key, leaf in tensors.items():
            part, _, name = key.partition("/")
            parts[part][name] = leaf
        return Meta(parts["params"], parts["state"]), facts


def is_ours(path: Path) -> bool:
    """Whether a file in `state` is one that a run leaves there, whole or half-written."""
    return path.name == "lock" or path.name.lstrip(".").startswith("step-")


def step_of(path: Path) -> int:
    number = path.stem.removeprefix("step-")
    return int(number) if number.isdigit() else -1


def name_of(settings: Settings) -> str:
    """The digest of what was asked for; versions and the plan do not belong to it."""
    return digest({key: settings[key] for key in ASKED})
