"""Patients as GA4GH phenopackets describe them: what was found, sex and age, and one diagnosis."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from innerloop.errors import InputError
from innerloop.tasks.archives import BROKEN, content_digest, members, quick_key
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.data import data_set, locate

READING = 1  # raise when the same packets give other patients, so that no cache outlives a change
DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")


class Patient(NamedTuple):
    """observed, excluded: findings as HPO ids ("HP:0001250"); excluded ones were looked for and not
    there. sex: "FEMALE", "MALE" or ""; years: age at the last encounter, None where not told.
    publication, folder: where the patient was reported, and which gene's or region's cohort holds it.
    """

    name: str
    observed: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    sex: str = ""
    years: float | None = None
    disease: str = ""
    publication: str = ""
    folder: str = ""


class Cohort(NamedTuple):
    """patients; and the labels of diseases and findings by their ids."""

    patients: tuple[Patient, ...]
    labels: dict[str, str]


def cohort() -> Cohort:
    """All published patients, from the cache where this very archive was read before."""
    [path] = locate("phenopackets")
    kept = cache_folder() / f"phenopackets-{READING}-{quick_key(path)[:16]}.json.gz"
    try:
        held = json.loads(gzip.decompress(kept.read_bytes()))
        return Cohort(tuple(map(as_patient, held["patients"])), held["labels"])
    except (*BROKEN, ValueError, KeyError, TypeError):
        found = read_cohort(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".part{id(found)}")
    part.write_bytes(gzip.compress(json.dumps(found._asdict()).encode(), 4))
    part.replace(kept)
    return found


def as_patient(fields: list[Any]) -> Patient:
    return Patient(fields[0], tuple(fields[1]), tuple(fields[2]), *fields[3:])


def read_cohort(path: Path) -> Cohort:
    found = list(members(path))
    if content_digest(found) != data_set("phenopackets").archives["phenopackets.tar.xz"]:
        raise InputError(
            f"{path} must hold the phenopackets as published, but its {len(found)} patients differ "
            "from them; delete it and run `innerloop data fetch phenopackets`.",
            f"{path} 应包含官方发布的 phenopackets，但其中 {len(found)} 名患者与之不符；"
            "请删除后运行 `innerloop data fetch phenopackets`。",
        )
    labels: dict[str, str] = {}
    patients = []
    for name, content in progress(found, "reading phenopackets", len(found)):
        packet = json.loads(content)
        patients.append(patient_of(packet, Path(name).stem, name.split("/")[1]))
        disease = packet["diseases"][0]["term"]
        labels |= {f["type"]["id"]: f["type"]["label"] for f in features(packet)}
        labels[disease["id"]] = disease["label"]
    return Cohort(tuple(patients), labels)


def patient_of(packet: dict[str, Any], name: str, folder: str = "") -> Patient:
    """What may be looked at, and what the diagnosis was: interpretations, genes and variants, which
    give it away, are never read."""
    subject = packet.get("subject", {})
    sex = subject.get("sex", "")
    age = subject.get("timeAtLastEncounter", {}).get("age", {}).get("iso8601duration")
    diseases = packet.get("diseases") or [{}]
    references = packet.get("metaData", {}).get("externalReferences") or [{}]
    return Patient(
        name,
        distinct(f["type"]["id"] for f in features(packet) if not f.get("excluded")),
        distinct(f["type"]["id"] for f in features(packet) if f.get("excluded")),
        sex if sex in ("FEMALE", "MALE") else "",
        None if age is None else years_of(age),
        diseases[0].get("term", {}).get("id", ""),
        references[0].get("id", ""),
        folder,
    )


def features(packet: dict[str, Any]) -> list[dict[str, Any]]:
    return packet.get("phenotypicFeatures", [])


def distinct(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def years_of(duration: str) -> float | None:
    """An ISO 8601 duration in years; None where it is none.

    >>> years_of("P1Y6M"), years_of("soon")
    (1.5, None)
    """
    found = DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    years, months, weeks, days = (int(part or 0) for part in found.groups())
    return years + months / 12 + (7 * weeks + days) / 365.25
