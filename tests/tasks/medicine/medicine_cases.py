"""A small ontology, and patients who were never ill."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np

from innerloop.tasks.archives import content_digest, members

OBO = """format-version: 1.2

[Term]
id: HP:0000118
name: Phenotypic abnormality

[Term]
id: HP:0000001
name: Abnormal organ one
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000002
name: Abnormal organ two
alt_id: HP:0000099
is_a: HP:0000118 ! Phenotypic abnormality

{terms}

[Term]
id: HP:0000098
name: obsolete Sign
is_obsolete: true
replaced_by: HP:0000010

[Typedef]
id: part_of
name: part of
"""
TERMS = [f"HP:00000{n}" for n in range(10, 34)]


def obo() -> str:
    stanzas = [
        f"[Term]\nid: {term}\nname: Sign {n}\nis_a: HP:000000{1 + n % 2} ! Abnormal organ"
        for n, term in enumerate(TERMS)
    ]
    return OBO.format(terms="\n\n".join(stanzas))


def packet(name: str, disease: int, publication: str, found: list[str], absent: list[str]) -> dict:
    return {
        "id": name,
        "subject": {"sex": "FEMALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P2Y6M"}}},
        "phenotypicFeatures": [
            *({"type": {"id": t, "label": t}} for t in found),
            *({"type": {"id": t, "label": t}, "excluded": True} for t in absent),
        ],
        "diseases": [{"term": {"id": f"OMIM:{disease}", "label": f"Disease {disease}"}}],
        "interpretations": [{"diagnosis": {"gene": "the answer"}}],
        "metaData": {"externalReferences": [{"id": publication}]},
    }


def archive(root: Path, *, diseases: int = 30, publications: int = 4, each: int = 4) -> Path:
    """phenopackets.tar.xz, in which a disease shows in three terms of its own, of six told."""
    rng = np.random.default_rng(0)
    folder = root / "phenopackets"
    folder.mkdir(parents=True)
    path = folder / "phenopackets.tar.xz"
    with tarfile.open(path, "w:xz") as file:
        for disease in range(diseases):
            own = [TERMS[t] for t in rng.choice(len(TERMS), 3, replace=False)]
            for report in range(publications):
                for n in range(each):
                    others = [TERMS[t] for t in rng.choice(len(TERMS), 3, replace=False)]
                    name = f"PMID_{disease}{report}_{n}"
                    made = packet(
                        name,
                        disease,
                        f"PMID:{disease}{report}",
                        own + others,
                        [TERMS[disease % 24]],
                    )
                    add(file, f"notebooks/G{disease}/phenopackets/{name}.json", made)
        add(file, "notebooks/G0/phenopackets/empty.json", packet("empty", 0, "PMID:00", [], []))
    (root / "hpo").mkdir()
    (root / "hpo" / "hp.obo").write_text(obo(), "utf-8")
    return path


def add(file: tarfile.TarFile, name: str, made: dict) -> None:
    content = json.dumps(made).encode()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    file.addfile(member, io.BytesIO(content))


def digest(path: Path) -> str:
    return content_digest(members(path))
