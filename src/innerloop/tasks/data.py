"""Data sets on disk: where they are, whether they are what was published, how to get them."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs
from rich.console import Console
from rich.progress import wrap_file

from innerloop.errors import InputError, not_one_of
from innerloop.tasks.archives import content_digest, count, members
from innerloop.tasks.cache import progress


@dataclass(frozen=True)
class DataSet:
    """A published data set: archives of images, or tables, under `folder`, in upstream's layout.

    archives: file name -> the digest of what it holds. An archive may lie there extracted.
    items: how many images or tables there are. unit: what they are, in English and Chinese.
    source: the whole address of the one archive, where it is not `url` and the archive's name.
    """

    name: str
    about: str
    licence: str
    folder: str
    url: str
    page: str
    items: int
    archives: dict[str, str]
    unit: tuple[str, str] = ("images", "张图像")
    source: str | None = None


def files_of(name: str) -> dict[str, str]:
    """path -> digest of each file of a set of sentences."""
    text = (files("innerloop.tasks") / "splits" / "text.json").read_text("utf-8")
    return dict(json.loads(text)[name])


def tables_of_pmlb() -> dict[str, str]:
    """path -> digest of its table."""
    text = (files("innerloop.tasks") / "splits" / "pmlb.json").read_text("utf-8")
    return {f"{n}/{n}.tsv.gz": found["digest"] for n, found in json.loads(text)["sets"].items()}


FILES = ("files", "个文件")
HWU = (
    "CrossValidation/autoGeneFromRealAnno/autoGene_2018_03_22-13_01_25_169/CrossValidation/KFold_1"
)
SETS = {
    "omniglot": DataSet(
        name="omniglot",
        about="1,623 handwritten characters of 50 alphabets, 20 writers each",
        licence="MIT",
        folder="omniglot/python",
        url="https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
        page="https://github.com/brendenlake/omniglot/tree/master/python",
        items=32_460,
        archives={
            "images_background.zip": "6f409a2bd478149eb6a627fa7d5f65178a081ce9a266bf1ff0c4103d05d68c31",
            "images_evaluation.zip": "bdd85c7b78adf4685ccadb1b785d29e6fdbdebe9dd8482e9922be7dd7c12fbbb",
        },
    ),
    "pmlb": DataSet(
        name="pmlb",
        about="122 classification and 70 regression tables of the Penn Machine Learning Benchmarks",
        licence="MIT",
        folder="pmlb/datasets",
        url="https://github.com/EpistasisLab/pmlb/raw/50012e0/datasets/",
        page="https://github.com/EpistasisLab/pmlb/tree/50012e0/datasets",
        items=192,
        archives=tables_of_pmlb(),
        unit=("tables", "个表格"),
    ),
    "clinc150": DataSet(
        name="clinc150",
        about="23,700 sentences of 150 intents in 10 domains, and of none",
        licence="CC BY 3.0",
        folder="clinc150/data",
        url="https://github.com/clinc/oos-eval/raw/828f809/data/",
        page="https://github.com/clinc/oos-eval/tree/828f809/data",
        items=2,
        archives=files_of("clinc150"),
        unit=FILES,
    ),
    "banking77": DataSet(
        name="banking77",
        about="13,083 sentences of 77 intents of a bank's customers",
        licence="CC BY 4.0",
        folder="banking77/banking_data",
        url="https://github.com/PolyAI-LDN/task-specific-datasets/raw/57ec275/banking_data/",
        page="https://github.com/PolyAI-LDN/task-specific-datasets/tree/57ec275/banking_data",
        items=2,
        archives=files_of("banking77"),
        unit=FILES,
    ),
    "hwu64": DataSet(
        name="hwu64",
        about="11,036 sentences of 64 intents in 18 scenarios of a home assistant (fold 1)",
        licence="CC BY 4.0",
        folder="hwu64/KFold_1",
        url=f"https://github.com/xliuhw/NLU-Evaluation-Data/raw/f6071b4/{HWU}/",
        page=f"https://github.com/xliuhw/NLU-Evaluation-Data/tree/f6071b4/{HWU}",
        items=128,
        archives=files_of("hwu64"),
        unit=FILES,
    ),
    "xsid": DataSet(
        name="xsid",
        about="dialogue intents in 19 languages and dialects, 800 sentences in each",
        licence="CC BY-SA 4.0",
        folder="xsid/data/xSID-0.7",
        url="https://github.com/mainlp/xsid/raw/761d926/data/xSID-0.7/",
        page="https://github.com/mainlp/xsid/tree/761d926/data/xSID-0.7",
        items=38,
        archives=files_of("xsid"),
        unit=FILES,
    ),
    "intent_fewshot_splits": DataSet(
        name="intent_fewshot_splits",
        about="the 5-shot and 10-shot splits of CLINC150, BANKING77 and HWU64 that papers use",
        licence="as the three sets",
        folder="intent_fewshot_splits/Datasets",
        url="https://github.com/jianguoz/Few-Shot-Intent-Detection/raw/fa95533/Datasets/",
        page="https://github.com/jianguoz/Few-Shot-Intent-Detection/tree/fa95533/Datasets",
        items=30,
        archives=files_of("intent_fewshot_splits"),
        unit=FILES,
    ),
    "phenopackets": DataSet(
        name="phenopackets",
        about="10,580 patients with 800 rare diseases, from published case reports",
        licence="BSD-3-Clause",
        folder="phenopackets",
        url="https://github.com/monarch-initiative/phenopacket-store/",
        page="https://github.com/monarch-initiative/phenopacket-store/tree/b694d17",
        items=10_580,
        archives={
            "phenopackets.tar.xz": "cd35f1b9d928c8d5cd187cdef28c7465734d6930be793bc141d8a4783f82f1e9"
        },
        unit=("patients", "名患者"),
        source="https://codeload.github.com/monarch-initiative/phenopacket-store/tar.gz/b694d17",
    ),
    "heart": DataSet(
        name="heart",
        about="920 patients of four hospitals: 13 clinical features, heart disease or not",
        licence="CC BY 4.0; name the investigators",
        folder="heart_disease_uci",
        url="https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/",
        page="https://archive.ics.uci.edu/dataset/45/heart+disease",
        items=4,
        archives={
            "processed.cleveland.data": "503f1406d3e290fe8210c4d933cebb2b3726b53963142eeac8b5895f487681c1",
            "processed.hungarian.data": "1d46fae46fb75f4707359d24a33ec733ed8c67d4dfed9b8bf61dc2d7a047ad90",
            "processed.switzerland.data": "9d529e2bbc74ee9cdc765b1b97b77ecbc0a56fa71d1208a76a5904188581c9f9",
            "processed.va.data": "dd6f6564923ec09bb1ee34704312b8db156f1736026ebece1f0d04c5980ec89a",
        },
        unit=("hospitals", "家医院"),
    ),
    "parkinsons": DataSet(
        name="parkinsons",
        about="5,875 voice recordings of 42 patients with Parkinson's disease, and their UPDRS scores",
        licence="CC BY 4.0; cite Tsanas et al. 2009",
        folder="parkinsons_telemonitoring",
        url="https://archive.ics.uci.edu/ml/machine-learning-databases/parkinsons/telemonitoring/",
        page="https://archive.ics.uci.edu/dataset/189/parkinsons+telemonitoring",
        items=1,
        archives={
            "parkinsons_updrs.data": "046b3db093a7800a053b9075282dce3b2de01a16bd25d098906cbd18259b9ceb"
        },
        unit=("table", "个表格"),
    ),
}


@dataclass(frozen=True)
class DataStatus:
    """items: how many are there, of how many published. verified: None when not looked at."""

    name: str
    about: str
    licence: str
    folder: str
    present: bool
    items: int
    published: int
    unit: tuple[str, str]
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
        folder = data_root() / chosen.folder
        en, zh = spelt(missing)
        raise InputError(
            f"{name} must lie in {folder}, where {en} cannot be found; run `innerloop data fetch "
            f"{name}`, or download from {chosen.page} into that folder (INNERLOOP_DATA moves it).",
            f"{name} 应放在 {folder}，但找不到 {zh}；请运行 `innerloop data fetch "
            f"{name}`，或从 {chosen.page} 下载到该文件夹（可用 INNERLOOP_DATA 更改位置）。",
        )
    return [path for path in found if path is not None]


def spelt(names: Sequence[str]) -> tuple[str, str]:
    """A few names, of many the first and how many more."""
    if len(names) > 3:
        more = len(names) - 1
        return f"{names[0]} and {more} more files", f"{names[0]} 等 {more + 1} 个文件"
    return " and ".join(names), "、".join(names)


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
        items=sum(count(path) for path in paths if path is not None),
        published=chosen.items,
        unit=chosen.unit,
    )


def listing() -> list[DataStatus]:
    """The status of every set that can be fetched."""
    return [status(name) for name in SETS]


def verify(name: str) -> DataStatus:
    """Read all of it and compare with what was published; an error when the set is absent."""
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
    place = folder / archive
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=".part-") as apart:
            temporary = Path(apart) / place.name
            receive(chosen.source or chosen.url + archive, temporary, archive)
            if content_digest(members(temporary)) != chosen.archives[archive]:
                raise OSError("what came is not what was published")
            temporary.replace(place)
    except (OSError, InputError) as problem:
        en, zh = spelt(list(chosen.archives))
        raise InputError(
            f"{chosen.name} could not be downloaded ({problem}); put {en} from {chosen.page} "
            f"into {folder}, or set INNERLOOP_DATA to a folder that has them.",
            f"无法下载 {chosen.name}（{problem}）；请从 {chosen.page} 取得 "
            f"{zh} 放入 {folder}，或将 INNERLOOP_DATA 指向已有这些文件的文件夹。",
        ) from problem


def receive(url: str, target: Path, called: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        console = Console(stderr=True)
        with (
            wrap_file(answer, total, description=called, console=console) as source,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(source, file)
