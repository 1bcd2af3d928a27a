"""Medicine: rare diseases, new patients, other hospitals."""

from innerloop.tasks.medicine.findings import FindingInputs
from innerloop.tasks.medicine.heart import heart
from innerloop.tasks.medicine.parkinsons import parkinsons
from innerloop.tasks.medicine.phenopackets import phenopackets
from innerloop.tasks.medicine.words import MEDICAL, RESEARCH

__all__ = ["MEDICAL", "RESEARCH", "FindingInputs", "heart", "parkinsons", "phenopackets"]
