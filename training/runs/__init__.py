"""What a run is on disk: how it begins, continues and reports.

Stands on all the rooms that a run is made of. A run begins in `prepare.py` and `start.py`, is a
`Run` while it is trained (`run.py`), and ends in `report.py`; what `--resume` reads is in
`checkpoint.py`. Import from here.
"""

from .card import title as title
from .checkpoint import last_step as last_step
from .log import NonFiniteError as NonFiniteError
from .pictures import draw_samples as draw_samples
from .pictures import draw_sweep as draw_sweep
from .pictures import save_plot as save_plot
from .prepare import Plan as Plan
from .prepare import lock_folders as lock_folders
from .prepare import plan as plan
from .provenance import commit_hash as commit_hash
from .provenance import device_name as device_name
from .provenance import device_names as device_names
from .report import share as share
from .report import write_report as write_report
from .run import Run as Run
from .run import flush as flush
from .run import open_runs as open_runs
from .seeds import clear_divergence as clear_divergence
from .seeds import expand_seeds as expand_seeds
from .seeds import folder as folder
from .seeds import has_diverged as has_diverged
from .seeds import split_seeds as split_seeds
from .start import first_states as first_states
from .start import to_train as to_train
from .summary import BOUND as BOUND
from .summary import is_over as is_over
from .summary import scores_of as scores_of
from .summary import summarise as summarise
from .tracking import check_tracker as check_tracker
from .tracking import make_tracker as make_tracker
from .usual import usual_backbone as usual_backbone
