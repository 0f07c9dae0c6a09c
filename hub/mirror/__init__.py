"""Converts the releases of datasets to parquet, in a folder or in a dataset repo of the Hub.

Stands on `hub` and `hub.common`. Import from here; what reads the releases is in
`hub.mirror.sources`.
"""

from .convert import mirror as mirror
from .shards import MANIFEST as MANIFEST
from .shards import MAX_MANIFEST_BYTES as MAX_MANIFEST_BYTES
from .shards import PROCEDURAL as PROCEDURAL
from .shards import ROW_GROUP_SIZE as ROW_GROUP_SIZE
from .shards import Manifest as Manifest
from .shards import write_shard as write_shard
from .sources import Record as Record
from .sources import Release as Release
from .sources.rows import Row as Row
from .sources.rows import decode_image as decode_image
from .sources.rows import decode_labels as decode_labels
from .sources.rows import features as features
from .sources.rows import make_row as make_row
from .targets import FolderTarget as FolderTarget
from .targets import choose_target as choose_target
