"""TensorBoard's logs within the run folder."""

import importlib.util

import keras

from cnnzoo._support.wording import how_to_install
from cnnzoo.runs.folder import TENSORBOARD, RunFolder
from cnnzoo.training._distribution import current_team


class TensorBoard(keras.callbacks.TensorBoard):  # type: ignore[misc]  # Keras ships no types
    """Keras' callback of that name, for ``fit`` and ``train``, with its logs in the folder ``tensorboard`` of the run.

    It is for a single process.

    Raises:
        ValueError: The package ``tensorboard`` is not installed; or, from ``fit``, there is no run folder, or several
            processes train together.
    """

    def __init__(self) -> None:
        """Check that there is such a package."""
        if importlib.util.find_spec("tensorboard") is None:
            raise ValueError(f"`TensorBoard` needs the package of that name: {how_to_install('tensorboard')}.")
        super().__init__(write_graph=False)

    def write_into(self, folder: RunFolder | None) -> None:
        """Write the logs into ``folder``; called by ``fit``."""
        processes = current_team().processes
        if processes > 1:  # it computes on what all share, which one process alone waits for without end
            raise ValueError(f"`TensorBoard` is for a single process. Received: a team of {processes}")
        if folder is None:
            raise ValueError("`TensorBoard` needs `out`: the logs lie in the run folder.")
        self.log_dir = str(folder.path / TENSORBOARD)
