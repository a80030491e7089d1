"""What is wrong with a database, or may go wrong, with proof, fix and price for each.

`facts` gathers what can be seen and changes nothing; `access`, `journal`, `locks`, `content` and
`connections` judge it, each finding by a function of its own; `diagnosis` is the result, with a score.
"""

from hardlite.doctor.diagnosis import Diagnosis, DiagnosisDict
from hardlite.doctor.examination import diagnose
from hardlite.doctor.finding import Finding, FindingDict, Severity
from hardlite.doctor.page import diagnosis_page

__all__ = [
    "Diagnosis",
    "DiagnosisDict",
    "Finding",
    "FindingDict",
    "Severity",
    "diagnose",
    "diagnosis_page",
]
