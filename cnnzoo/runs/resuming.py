"""Whether a run may be resumed, and what its record then says."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from cnnzoo.runs.record import Record, Resumption


def check_unfinished(path: Path, record: Record) -> None:
    """Raise ``ValueError`` when the run in ``path`` is finished: training it again would write over its results."""
    if record.metrics is not None:
        raise ValueError(f"The run '{path}' is finished: there is nothing to resume. Begin a new one.")


def resumed(begun: Record, now: Record) -> Record:
    """Return the record of a run that is resumed: as it began, with where the data lie now, and when and where."""
    was, moved = (record.data.source and record.data.source.path for record in (begun, now))
    return replace(
        begun,
        model=replace(now.model, name=begun.model.name),
        data=replace(begun.data, source=now.data.source, files=now.data.files),
        command=begun.command and tuple(moved if moved and word == was else word for word in begun.command),
        resumed=(*begun.resumed, Resumption(now.created, now.versions, now.machine)),
    )


def changed_setting(name: str, was: Any, received: Any) -> ValueError:
    """Return the error that a resumed run is to have another setting than it began with."""
    return ValueError(
        f"A resumed run keeps its settings: it began with {name}={was!r}. Received: {name}={received!r}. "
        "To change it, begin a new run."
    )


def check_same(begun: Record, now: Record) -> None:
    """Raise ``ValueError`` unless a run that is to be resumed is described as it was when it began.

    A run of another model, other data, another recipe, seed or backend would not end where the first would have. The
    data may have moved: what counts are the names of the images within their folder and their sizes, and in records
    that do not tell them, the labels.
    """
    if begun.data.files is not None and begun.data.files != now.data.files:
        source = now.data.source
        place = f" in '{source.path}'" if source and source.path else ""
        raise ValueError(
            f"The images are not those that the run began with: names or sizes differ{place}. Give the folder "
            "that has the same images, or begin a new run."
        )
    for (name, was), (_, is_now) in zip(_decisive(begun), _decisive(now), strict=True):
        if was != is_now:
            raise changed_setting(name, was, is_now)


def _decisive(record: Record) -> Iterator[tuple[str, Any]]:
    """Give what decides the weights that a run ends with; not where its images lie, nor their digest."""
    for name in ("backend", "keras"):  # first: another Keras may describe the same layers otherwise
        yield name, record.versions.get(name)
    for name in ("input_shape", "num_classes", "layers"):  # Keras numbers models without a name of their own
        yield name, getattr(record.model, name)
    source = record.data.source
    for part in (
        replace(record.data, source=source and replace(source, path=None), files=None),
        record.recipe,
        record.computation,
    ):
        yield from ((field.name, getattr(part, field.name)) for field in fields(part))
    yield "seed", record.seed
    yield "snapshots", record.snapshots  # part of what the run leaves, if not of its weights
    yield "begun_by", record.begun_by
