"""A full disk is known by what the system says, whichever library passes it on, and told in one line."""

import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfspine.cli import main as command_line
from tfspine.disk import disk_refusal
from tfspine.errors import OutputError
from tfspine.outputs import explained


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 20,000 bytes, as on a disk with no more room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refusal_of(action) -> str | None:  # type: ignore[no-untyped-def]
    with pytest.raises(Exception) as raised:
        action()
    return disk_refusal(raised.value)


def test_python_hdf5_keras_and_tensorflow_say_it_in_their_ways(small_files: None, tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    model = keras.Sequential([keras.layers.Input((50,)), keras.layers.Dense(500)])
    variable = tf.Variable(tf.random.normal([200, 100]))
    module = tf.Module()
    module.variable = variable

    def write_records() -> None:
        with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
            writer.write(bytes(200_000))

    for action in (
        lambda: (tmp_path / "x.bin").write_bytes(bytes(200_000)),
        lambda: model.save(tmp_path / "x.keras"),
        lambda: model.save_weights(tmp_path / "x.weights.h5"),
        lambda: tf.train.Checkpoint(variable=variable).write(str(tmp_path / "ckpt")),
        lambda: tf.saved_model.save(module, str(tmp_path / "saved")),
        write_records,
    ):
        assert refusal_of(action) == "File too large"


def test_full_quota_and_read_only_are_the_disk_and_want_of_memory_is_not() -> None:
    import tensorflow as tf

    assert disk_refusal(OSError(errno.ENOSPC, "x")) == "No space left on device"
    assert disk_refusal(OSError(errno.EROFS, "x")) == "Read-only file system"
    # The class of both is ResourceExhaustedError.
    assert disk_refusal(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")) is None
    full = tf.errors.ResourceExhaustedError(None, None, "/out/a; No space left on device")
    assert disk_refusal(full) == "No space left on device"
    assert disk_refusal(ValueError("No space left on device")) is None
    assert disk_refusal(FileNotFoundError(errno.ENOENT, "x")) is None
    wrapped = RuntimeError("training failed")
    wrapped.__cause__ = full
    assert disk_refusal(wrapped) == "No space left on device"


def test_any_writer_inside_an_output_is_explained(tmp_path: Path) -> None:
    import tensorflow as tf

    told = "out: cannot be written: No space left on device; free space"
    with pytest.raises(OutputError, match=told), explained(tmp_path / "out"):
        raise tf.errors.ResourceExhaustedError(None, None, "a; No space left on device")


def test_a_command_ends_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tfspine.cli import info

    def fill(args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/axial/backup")

    monkeypatch.setattr(info, "run", fill)
    assert command_line.main(["info"]) == 2
    error = capsys.readouterr().err
    assert error == "tfspine info: an output cannot be written: No space left on device; free space and run it again\n"
