"""The images of a zip archive, or of the folder that was extracted from it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from innerloop.errors import InputError


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Its PNGs in the order of their names: ("images_background/Korean/.../0542_01.png", bytes)."""
    if path.is_dir():
        files = {file.relative_to(path.parent).as_posix(): file for file in path.rglob("*.png")}
        for name in sorted(files):
            yield name, files[name].read_bytes()
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in images_in(archive):
                yield name, archive.read(name)
    except (zipfile.BadZipFile, EOFError) as problem:
        raise unreadable(path, problem) from problem


def count_images(path: Path) -> int:
    if path.is_dir():
        return sum(1 for _ in path.rglob("*.png"))
    try:
        with zipfile.ZipFile(path) as archive:
            return len(images_in(archive))
    except zipfile.BadZipFile as problem:
        raise unreadable(path, problem) from problem


def images_in(archive: zipfile.ZipFile) -> list[str]:
    names = archive.namelist()
    return sorted(n for n in names if n.endswith(".png") and not n.startswith("__MACOSX"))


def unreadable(path: Path, problem: Exception) -> InputError:
    return InputError(
        f"an archive must be a whole zip file, but reading {path} says '{problem}'; delete it and "
        "fetch it again.",
        f"压缩包必须是完整的 zip 文件，但读取 {path} 时出错“{problem}”；请删除后重新下载。",
    )


def content_digest(images: Iterable[tuple[str, bytes]]) -> str:
    """One digest over names and bytes of all images: repacking an archive does not change it.

    >>> content_digest([("a.png", b"1"), ("b.png", b"2")])[:8]
    '011cbabc'
    """
    whole = hashlib.sha256()
    for name, png in images:
        whole.update(f"{name} {hashlib.sha256(png).hexdigest()}\n".encode())
    return whole.hexdigest()


def quick_key(path: Path) -> str:
    """A digest that changes whenever the content does: of the archive itself, where it is one."""
    if path.is_dir():
        return content_digest(members(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
