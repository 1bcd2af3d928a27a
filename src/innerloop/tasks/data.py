"""Data sets on disk: where they are, whether they are what was published, how to get them."""

from __future__ import annotations

import os
import shutil
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import platformdirs
from rich.console import Console
from rich.progress import wrap_file

from innerloop.errors import InputError, not_one_of
from innerloop.tasks.archives import content_digest, count_images, members
from innerloop.tasks.cache import progress


@dataclass(frozen=True)
class DataSet:
    """A published data set: archives of images under `folder`, in upstream's layout.

    archives: file name -> the digest of its images. An archive may lie there extracted.
    """

    name: str
    about: str
    licence: str
    folder: str
    url: str
    page: str
    images: int
    archives: dict[str, str]


SETS = {
    "omniglot": DataSet(
        name="omniglot",
        about="1,623 handwritten characters of 50 alphabets, 20 writers each",
        licence="MIT",
        folder="omniglot/python",
        url="https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
        page="https://github.com/brendenlake/omniglot/tree/master/python",
        images=32_460,
        archives={
            "images_background.zip": "6f409a2bd478149eb6a627fa7d5f65178a081ce9a266bf1ff0c4103d05d68c31",
            "images_evaluation.zip": "bdd85c7b78adf4685ccadb1b785d29e6fdbdebe9dd8482e9922be7dd7c12fbbb",
        },
    )
}


@dataclass(frozen=True)
class DataStatus:
    """images: how many are there, of how many published. verified: None when not looked at."""

    name: str
    about: str
    licence: str
    folder: str
    present: bool
    images: int
    published: int
    verified: bool | None = None


def data_root() -> Path:
    """`INNERLOOP_DATA`, else a folder in the platform's cache folder for this user."""
    chosen = os.environ.get("INNERLOOP_DATA")
    return Path(chosen) if chosen else platformdirs.user_cache_path("innerloop") / "data"


def data_set(name: str) -> DataSet:
    if name not in SETS:
        raise not_one_of("NAME", SETS, name)
    return SETS[name]


def find(chosen: DataSet, archive: str) -> Path | None:
    """Where an archive lies, as a file or as the folder extracted from it."""
    path = data_root() / chosen.folder / archive
    return next((p for p in (path, path.with_suffix("")) if p.exists()), None)


def locate(name: str) -> list[Path]:
    """The set's archives or extracted folders; an error that says what to put where."""
    chosen = data_set(name)
    found = [find(chosen, archive) for archive in chosen.archives]
    missing = [a for a, path in zip(chosen.archives, found, strict=True) if path is None]
    if missing:
        files, folder = " and ".join(missing), data_root() / chosen.folder
        raise InputError(
            f"{name} must lie in {folder}, where {files} cannot be found; run `innerloop data fetch "
            f"{name}`, or download from {chosen.page} into that folder (INNERLOOP_DATA moves it).",
            f"{name} 应放在 {folder}，但找不到 {'、'.join(missing)}；请运行 `innerloop data fetch "
            f"{name}`，或从 {chosen.page} 下载到该文件夹（可用 INNERLOOP_DATA 更改位置）。",
        )
    return [path for path in found if path is not None]


def status(name: str) -> DataStatus:
    """Whether a set is there, and how many images it has."""
    chosen = data_set(name)
    paths = [find(chosen, archive) for archive in chosen.archives]
    return DataStatus(
        name=name,
        about=chosen.about,
        licence=chosen.licence,
        folder=str(data_root() / chosen.folder),
        present=all(path is not None for path in paths),
        images=sum(count_images(path) for path in paths if path is not None),
        published=chosen.images,
    )


def listing() -> list[DataStatus]:
    """The status of every set that can be fetched."""
    return [status(name) for name in SETS]


def verify(name: str) -> DataStatus:
    """Read every image and compare with what was published; an error when the set is absent."""
    chosen = data_set(name)
    paths = locate(name)
    bar = progress(zip(paths, chosen.archives.values(), strict=True), f"verifying {name}")
    good = [content_digest(members(path)) == digest for path, digest in bar]
    return replace(status(name), verified=all(good))


def fetch(name: str) -> DataStatus:
    """Download what is absent from upstream, check it, and only then put it in place."""
    chosen = data_set(name)
    for archive in chosen.archives:
        if find(chosen, archive) is None:
            download(chosen, archive)
    return verify(name)


def download(chosen: DataSet, archive: str) -> None:
    folder = data_root() / chosen.folder
    temporary = folder / f"{archive}.{uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(chosen.url + archive, timeout=30) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            console = Console(stderr=True)
            with (
                wrap_file(answer, total, description=archive, console=console) as source,
                temporary.open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
        if content_digest(members(temporary)) != chosen.archives[archive]:
            raise OSError("what came is not what was published")
        temporary.replace(folder / archive)
    except (OSError, InputError) as problem:
        files = " and ".join(chosen.archives)
        raise InputError(
            f"{chosen.name} could not be downloaded ({problem}); put {files} from {chosen.page} "
            f"into {folder}, or set INNERLOOP_DATA to a folder that has them.",
            f"无法下载 {chosen.name}（{problem}）；请从 {chosen.page} 取得 "
            f"{'、'.join(chosen.archives)} 放入 {folder}，或将 INNERLOOP_DATA 指向已有这些文件的文件夹。",
        ) from problem
    finally:
        temporary.unlink(missing_ok=True)
