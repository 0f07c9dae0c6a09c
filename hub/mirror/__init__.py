"""Datasets as parquet: releases read, converted, and put in a folder or a dataset repo of the Hub.

Stands on `hub` and `hub.common`. Import from here; readers of releases are in `hub.mirror.sources`.
"""

from .convert import mirror as mirror
from .shards import GROUP as GROUP
from .shards import MANIFEST as MANIFEST
from .shards import Manifest as Manifest
from .shards import write_shard as write_shard
from .sources.rows import Row as Row
from .sources.rows import decode_image as decode_image
from .sources.rows import decode_labels as decode_labels
from .sources.rows import features as features
from .sources.rows import row as row
from .targets import FolderTarget as FolderTarget
from .targets import choose_target as choose_target
