"""The images of a zip archive, the patients of a tar archive, or of the folder that was extracted from
it; any other file, or what it was packed from."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from innerloop.errors import InputError

BROKEN = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError)


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Its PNGs in the order of their names: ("images_background/Korean/.../0542_01.png", bytes).

    Of any other file ("iris.tsv.gz", or "iris.tsv") there is one member, unpacked. Of a tar archive of
    phenopackets, or a folder without images, the JSON files of "phenopackets" folders, named from
    "notebooks" on, wherever that lies.
    """
    if is_single(path):
        yield path.name.removesuffix(".gz"), unpacked(path)
        return
    if path.is_dir():
        files = {file.relative_to(path.parent).as_posix(): file for file in path.rglob("*.png")}
        files = files or {
            packet_name(f.as_posix()): f for f in path.rglob("*.json") if is_packet(f)
        }
        for name in sorted(files):
            yield name, files[name].read_bytes()
        return
    if is_tar(path):
        yield from sorted(packets_in(path))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in images_in(archive):
                yield name, archive.read(name)
    except (zipfile.BadZipFile, EOFError) as problem:
        raise unreadable(path, problem) from problem


def is_single(path: Path) -> bool:
    return path.suffix != ".zip" and not path.is_dir() and not is_tar(path)


def is_tar(path: Path) -> bool:
    return ".tar" in path.suffixes


def is_packet(path: PurePath) -> bool:
    """notebooks/GENE/phenopackets/PMID_1_A.json"""
    return path.suffix == ".json" and path.parent.name == "phenopackets"


def packet_name(name: str) -> str:
    return "/".join(PurePath(name).parts[-4:])


def packets_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """In the archive's own order, which is what unpacks fast."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and is_packet(PurePath(member.name)):
                    held = archive.extractfile(member)
                    assert held is not None
                    yield packet_name(member.name), held.read()
    except BROKEN as problem:
        raise unreadable(path, problem) from problem


def unpacked(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as problem:
        raise unreadable(path, problem) from problem


def count(path: Path) -> int:
    """How many images or patients it has; 1 for a file that is no archive."""
    if is_single(path):
        return 1
    if path.is_dir():
        images = sum(1 for _ in path.rglob("*.png"))
        return images or sum(is_packet(file) for file in path.rglob("*.json"))
    if is_tar(path):
        return sum(1 for _ in packets_in(path))
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
        f"an archive must be a whole zip, tar or gzip file, but reading {path} says '{problem}'; delete it and "
        "fetch it again.",
        f"压缩包必须是完整的 zip、tar 或 gzip 文件，但读取 {path} 时出错“{problem}”；请删除后重新下载。",
    )


def content_digest(found: Iterable[tuple[str, bytes]]) -> str:
    """One digest over names and bytes of all members: repacking an archive does not change it.

    >>> content_digest([("a.png", b"1"), ("b.png", b"2")])[:8]
    '011cbabc'
    """
    whole = hashlib.sha256()
    for name, content in found:
        whole.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()


def quick_key(path: Path) -> str:
    """A digest that changes whenever the content does: of the archive itself, where it is one."""
    if path.is_dir():
        return content_digest(members(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
