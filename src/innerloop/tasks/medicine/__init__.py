"""Medicine: rare diseases, new patients, other hospitals."""

from innerloop.tasks.medicine.findings import FindingInputs
from innerloop.tasks.medicine.phenopackets import phenopackets

__all__ = ["FindingInputs", "phenopackets"]
