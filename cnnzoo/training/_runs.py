"""Finished runs under the names that ``cnnzoo.training`` has for them."""

from cnnzoo.runs.record import Record as Record
from cnnzoo.runs.run import Run as Run
from cnnzoo.runs.run import load_run as load_run
from cnnzoo.runs.snapshots import Snapshot as Snapshot
