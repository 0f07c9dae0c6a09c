"""Models as folders and as repos of the Hugging Face Hub, and pytrees as named arrays.

Stands on `hub.common` and knows no particular model. Import from here; `hub.remote`, a folder or a
repo through its cache, is also used by those who read mirrors.
"""

from .card import loading_line as loading_line
from .card import model_card as model_card
from .common.files import atomic_file as atomic_file
from .common.files import atomic_folder as atomic_folder
from .config_file import LIBRARY as LIBRARY
from .config_file import version as version
from .pretrained import AbstractPretrained as AbstractPretrained
from .serialisation import differences as differences
from .serialisation import fill_tree as fill_tree
from .serialisation import load_tree as load_tree
from .serialisation import named_arrays as named_arrays
from .serialisation import named_shapes as named_shapes
from .serialisation import save_tree as save_tree
from .upload import create_repo as create_repo
