"""What must work where TensorFlow is not installed: ``KERAS_BACKEND=jax python -m tests.without_tensorflow RUN OUT``.

The process behaves as if TensorFlow could not be found. RUN is a run folder, OUT an empty one.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path


class Without(PathFinder):
    """Finds the modules that are installed, but for TensorFlow's."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorboard"):
            return None
        return super().find_spec(name, path, target)


if __name__ == "__main__":
    sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
    import keras
    import numpy as np
    import pytest

    import cnnzoo
    from cnnzoo.data import load_digits, stream

    path, out = map(Path, sys.argv[1:])
    _, digits = load_digits()
    run = cnnzoo.training.load_run(path)
    assert cnnzoo.inspect.layer_table(run.model).params == 61_706
    assert cnnzoo.evaluation.evaluate(run.model, digits).accuracy == run.metrics["test_accuracy"]
    assert run.predict(["examples/seven.png"])[0].label == "7"
    assert cnnzoo.inspect.gradcam(run.model, digits.images[:2]).shape == (2, 32, 32)
    assert cnnzoo.inspect.occlusion(run.model, digits.images[:2]).shape == (2, 32, 32)
    assert cnnzoo.pretrained.embed(run.path, digits.images[:8]).shape[0] == 8
    assert cnnzoo.report.write_report(run.path, out / "report.html").missing == ()
    assert cnnzoo.play.write_page("lenet5", out / "play.html").size > 0
    for to, suffix in (("onnx", "onnx"), ("openvino", "xml"), ("keras", "keras")):
        assert cnnzoo.export(run, out / f"lenet5.{suffix}", to=to).verification.agreement == 1
    for to, name in (("litert", "lenet5.tflite"), ("savedmodel", "lenet5")):
        with pytest.raises(ValueError, match=r"is written by TensorFlow, and Keras runs on"):
            cnnzoo.export(run, out / name, to=to)

    for call in (
        lambda: cnnzoo.training.train("lenet5", out=out / "run"),
        lambda: cnnzoo.training.finetune("lenet5", "digits", out=out / "run"),
        lambda: cnnzoo.training.fit(run.model, load_digits()[0], digits),
        lambda: cnnzoo.training.resume(path),
        lambda: stream(digits, batch_size=8),
    ):
        with pytest.raises(ValueError, match=r"TensorFlow makes the batches .* is not installed: `pip install tensorf"):
            call()
    assert not (out / "run").exists()

    own = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    own.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(own.fit(digits.images, digits.labels, verbose=0).history["loss"]).all()  # Keras' own way works
    assert "tensorflow" not in sys.modules
    print(keras.config.backend())
