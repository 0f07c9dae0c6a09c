"""How models are measured: scores, poses, edits and probes, with intervals, as tables.

Stands on `isa_eqx`, `training.data` and `training.distributed`. Scores of images are in
`scoring.py`, with their names in `METRICS`. Import from here.
"""

from .diagnostics import warning as warning
from .faithfulness import measure_poses as measure_poses
from .faithfulness import pose_tables as pose_tables
from .probing import PROBES as PROBES
from .probing import commonest as commonest
from .probing import find_objects as find_objects
from .probing import probe as probe
from .protocol import Evaluation as Evaluation
from .scoring import METRICS as METRICS
from .scoring import Scored as Scored
from .scoring import evaluate as evaluate
from .scoring import explain as explain
from .scoring import score as score
from .scoring import segmentation as segmentation
from .table import Column as Column
from .table import format_table as format_table
from .table import summarise as summarise
from .truth import attributes as attributes
