"""Relations between tasks."""

from innerloop.structure.calibration import Calibration, calibrate
from innerloop.structure.contrastive import contrastive
from innerloop.structure.encoder import from_learner
from innerloop.structure.familiar import Auroc, Firing, auroc, firing
from innerloop.structure.guided import guided
from innerloop.structure.map import Agreement, TaskMap, task_map
from innerloop.structure.nearest import Related, TaskIndex, warm_start
from innerloop.structure.point import Point, TaskEncoder, coordinates
from innerloop.structure.probe import Probe, probe
from innerloop.structure.regret import Regret, regret_at_k
from innerloop.structure.scope import Scope, nearness, scope
from innerloop.structure.shape import Shape
from innerloop.structure.signature import signature
from innerloop.structure.trust import Trust, trust_of

__all__ = [
    "Agreement",
    "Auroc",
    "Calibration",
    "Firing",
    "Point",
    "Probe",
    "Regret",
    "Related",
    "Scope",
    "Shape",
    "TaskEncoder",
    "TaskIndex",
    "TaskMap",
    "Trust",
    "auroc",
    "calibrate",
    "contrastive",
    "coordinates",
    "firing",
    "from_learner",
    "guided",
    "nearness",
    "probe",
    "regret_at_k",
    "scope",
    "signature",
    "task_map",
    "trust_of",
    "warm_start",
]
