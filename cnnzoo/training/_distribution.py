"""Several processes, hosts or GPUs that train one network together, each on its share of every batch."""

from __future__ import annotations

import importlib
import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import keras

from cnnzoo._keras.hardware import list_gpus
from cnnzoo._support.arguments import check_integer
from cnnzoo._support.wording import how_to_install
from cnnzoo.data.streaming import Shard
from cnnzoo.training.environment import ADDRESSES, PROCESS_ID, PROCESSES

LOST_WORKER = ("gloo", "coordination", "connection closed", "heartbeat", "peer", "preempted", "nccl")
RUNTIME_ERRORS = ("XlaRuntimeError", "JaxRuntimeError")  # JAX's, by the names of older and newer releases
STATUS = re.compile(r"[A-Z_]+: ")  # begins what XLA says, which JAX raises as a ValueError where it reads a result


@dataclass(frozen=True)
class Team:
    """The processes that train together, as one of them sees them; ``with`` it, ``fit`` and ``train`` train so.

    Attributes:
        process_id: Number of this process, from 0; process 0 writes the run folder and prints.
        processes: How many there are.
        devices: Devices of all processes; a batch is shared evenly among them.
    """

    process_id: int = 0
    processes: int = 1
    devices: int = 1

    def __enter__(self) -> Team:
        """Let what is trained from here on be trained by this team."""
        _JOINED.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        """Train alone again."""
        _JOINED.pop()

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.process_id == 0

    @property
    def shard(self) -> Shard:
        """Return the share of every batch that this process reads."""
        return Shard(self.process_id, self.processes, self.devices)

    def scope(self) -> AbstractContextManager[object]:
        """Return the context in which the network must be built and trained."""
        if self.devices == 1:
            return nullcontext()
        if keras.config.backend() == "jax":
            parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
            return parallel.scope()  # type: ignore[no-any-return]
        strategy = importlib.import_module("tensorflow").distribute.MirroredStrategy()
        return strategy.scope()  # type: ignore[no-any-return]

    def check_batch_size(self, batch_size: int) -> None:
        """Raise ``ValueError`` unless a batch can be shared evenly."""
        if batch_size % self.devices:
            raise ValueError(
                f"`batch_size` must be a multiple of the {self.devices} devices that share a batch. "
                f"Received: batch_size={batch_size}"
            )


ALONE = Team()
_JOINED: list[Team] = []


def current_team() -> Team:
    """Return the team that this process trains in: of the innermost ``with``, else this process alone.

    >>> current_team().processes
    1
    """
    return _JOINED[-1] if _JOINED else ALONE


def join_team(addresses: str | None = None, processes: int | None = None, process_id: int | None = None) -> Team:
    """Join the processes that train together; call it once in each, before anything else of Keras.

    ``with join_team(...):`` is all that ``fit``, ``train`` and ``resume`` within it need.

    On the JAX backend the processes find each other over the network, and their GPUs, or CPUs where there are none,
    share every batch. On TensorFlow one process uses all GPUs of its host.

    Args:
        addresses: HOST:PORT of process 0; None takes the environment variable KERAS_DISTRIBUTION_JOB_ADDRESSES.
        processes: How many processes there are; None takes KERAS_DISTRIBUTION_NUM_PROCESSES.
        process_id: Number of this process, from 0; None takes KERAS_DISTRIBUTION_PROCESS_ID.

    Returns:
        The team, a context: within it, networks are trained together. ``team.leads`` tells whether this process writes.

    Raises:
        ValueError: The backend cannot train so, a value is missing or out of range, or there is one device only.
        ConnectionError: The processes do not find each other.
    """
    addresses = addresses or os.environ.get(ADDRESSES)
    if addresses is None:
        return _one_host()
    if keras.config.backend() != "jax":
        raise ValueError(
            f"Several processes train together on the JAX backend only: {how_to_install('jax')}, and set "
            f"KERAS_BACKEND=jax. Received: the backend {keras.config.backend()}"
        )
    processes = check_integer("processes", _number(processes, PROCESSES), least=1)
    process_id = check_integer("process_id", _number(process_id, PROCESS_ID), least=0, most=processes - 1)
    if ":" not in addresses:
        raise ValueError(f"`addresses` must be HOST:PORT of process 0. Received: {addresses!r}")
    jax = importlib.import_module("jax")
    try:
        keras.distribution.initialize(addresses, processes, process_id)
    except RuntimeError as error:
        raise ConnectionError(
            f"Process {process_id} of {processes} could not join the others at {addresses}. Start all of them within "
            f"five minutes, and let process 0 be reached there. JAX says: {error}"
        ) from error
    return Team(process_id, processes, jax.device_count())


def _one_host() -> Team:
    backend, gpus = keras.config.backend(), len(list_gpus())
    if backend == "torch" or gpus < 2:
        raise ValueError(
            "Training together needs several processes, named by `addresses`, `processes` and `process_id` (JAX), or "
            f"several GPUs in this host (TensorFlow, JAX). Received: no addresses, {gpus} GPUs, the backend {backend}"
        )
    return Team(devices=gpus)


def _number(given: int | None, variable: str) -> int:
    text = os.environ.get(variable, "") if given is None else str(given)
    if not text.isdigit():
        raise ValueError(
            f"With `addresses` give the number of processes and this one's `process_id`, or set {variable}."
        )
    return int(text)


def is_lost_worker(error: BaseException) -> bool:
    """Tell whether a backend's ``error`` is that another process can no longer be reached."""
    from_jax = any(kind.__name__ in RUNTIME_ERRORS for kind in type(error).__mro__)
    from_xla = isinstance(error, ValueError) and STATUS.match(str(error)) is not None
    return (from_jax or from_xla) and any(word in str(error).lower() for word in LOST_WORKER)
