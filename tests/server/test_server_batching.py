"""Requests that are computed as one batch: merging, limits, sizes, and TensorFlow Serving's messages."""

import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest

from tfspine.errors import ServerError
from tfspine.server.batches import batched
from tfspine.server.batching_file import BatchingOptions, read_batching
from tfspine.server.graph_session import PATIENT, Caller
from tfspine.server.request_error import RequestError

SERVING = Path(__file__).parents[2] / "serving"
ROW = np.float32([[1, 2]])


class Recorder:
    """Returns its input, and records the sizes of the batches."""

    def __init__(self, gate=None):
        self.sizes = []
        self.gate = gate

    def __call__(self, feeds, fetches, caller):
        if self.gate is not None:
            self.gate.wait(30)
        ((_, array),) = feeds.items()
        self.sizes.append(len(array))
        return [array * 10]


def ask_together(run, arrays):
    """Call with each array in a thread of its own, and return results or errors in order."""
    results = [None] * len(arrays)

    def ask(number):
        try:
            (results[number],) = run({"x:0": arrays[number]}, ["y:0"], PATIENT)
        except RequestError as error:
            results[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(arrays))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_simultaneous_requests_are_one_batch_and_each_gets_its_rows():
    recorder = Recorder()
    run = batched(recorder, BatchingOptions(max_batch_size=6, max_execution_size=6, timeout_s=5, threads=1))
    arrays = [np.full((count, 2), count, np.float32) for count in (1, 2, 3)]
    results = ask_together(run, arrays)
    # The batch of 6 is full, so that the time-out of 5 s is not waited for.
    assert recorder.sizes == [6]
    for array, result in zip(arrays, results, strict=True):
        assert np.array_equal(result, array * 10)


def test_a_single_request_waits_for_the_timeout():
    run = batched(Recorder(), BatchingOptions(timeout_s=0.2))
    start = time.monotonic()
    run({"x:0": ROW}, ["y:0"], PATIENT)
    assert 0.19 < time.monotonic() - start < 2


def test_batches_are_filled_up_to_an_allowed_size():
    recorder = Recorder()
    run = batched(recorder, BatchingOptions(allowed_sizes=(2, 4, 8), max_execution_size=8, max_batch_size=8))
    (answer,) = run({"x:0": np.repeat(ROW, 3, axis=0)}, ["y:0"], PATIENT)
    assert (len(answer), recorder.sizes) == (3, [4])


def test_a_large_request_is_divided_where_allowed():
    recorder = Recorder()
    run = batched(recorder, BatchingOptions(max_batch_size=9, split_large=True, max_execution_size=4))
    rows = np.arange(9, dtype=np.float32)
    (answer,) = run({"x:0": rows}, ["y:0"], PATIENT)
    assert answer.tolist() == (rows * 10).tolist()
    assert sorted(recorder.sizes) == [1, 4, 4]


def refusal(run, feeds):
    with pytest.raises(RequestError) as caught:
        run(feeds, ["y:0"], PATIENT)
    return caught.value.code.name, str(caught.value)


def test_refusals_have_the_words_of_tensorflow_serving():
    """docs/serving.md and its recordings: SERVING, Messages, batching."""
    run = batched(Recorder(), BatchingOptions(max_batch_size=128, max_execution_size=128))
    assert refusal(run, {"x:0": np.zeros(129)}) == (
        "INVALID_ARGUMENT",
        "Task size 129 is larger than maximum input batch size 128",
    )
    assert refusal(run, {"x:0": np.float32(1)}) == (
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have at least one dimension",
    )
    assert refusal(run, {"x:0": np.zeros(1), "z:0": np.zeros(2)}) == (
        "INVALID_ARGUMENT",
        "Batching Run() input tensors must have equal 0th-dimension size",
    )
    scalar = batched(lambda feeds, fetches, caller: [np.float32(1)], BatchingOptions())
    assert refusal(scalar, {"x:0": ROW})[1] == "Batched output tensor has 0 dimensions"
    longer = batched(lambda feeds, fetches, caller: [np.zeros(5)], BatchingOptions())
    assert refusal(longer, {"x:0": ROW})[1] == (
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors"
    )


@pytest.mark.parametrize("pad", [False, True])
def test_inputs_of_two_sizes(pad):
    options = BatchingOptions(max_batch_size=2, max_execution_size=2, timeout_s=5, pad_inputs=pad)
    results = ask_together(batched(Recorder(), options), [np.ones((1, 1)), np.ones((1, 2))])
    if pad:
        assert [result.tolist() for result in results] == [[[10, 0]], [[10, 10]]]
    else:
        assert {error.code.name for error in results} == {"FAILED_PRECONDITION"}
        assert str(results[0]).startswith("Tensors with name 'x:0' from different tasks have different shapes and")


def test_a_full_queue_is_unavailable_and_what_was_given_up_makes_room():
    gate = threading.Event()
    recorder = Recorder(gate)
    options = BatchingOptions(max_batch_size=1, max_execution_size=1, max_enqueued_batches=2, threads=1)
    run = batched(recorder, options)
    left = threading.Event()
    codes = []

    def ask(caller):
        try:
            run({"x:0": ROW}, ["y:0"], caller)
            codes.append("OK")
        except RequestError as error:
            codes.append(error.code.name)

    threads = []
    for caller in (Caller(), Caller(has_left=left.is_set), Caller(has_left=left.is_set)):
        threads.append(threading.Thread(target=ask, args=(caller,)))
        threads[-1].start()
        time.sleep(0.1)
    assert refusal(run, {"x:0": ROW}) == (
        "UNAVAILABLE",
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2",
    )
    left.set()
    time.sleep(0.1)
    threads.append(threading.Thread(target=ask, args=(Caller(),)))
    threads[-1].start()
    gate.set()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == ["CANCELLED", "CANCELLED", "OK", "OK"]
    assert recorder.sizes == [1, 1]


def test_an_error_of_the_batch_is_that_of_every_request():
    def fail(feeds, fetches, caller):
        raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "no")

    run = batched(fail, BatchingOptions(max_batch_size=2, max_execution_size=2, timeout_s=5))
    assert [str(result) for result in ask_together(run, [ROW, ROW])] == ["no", "no"]


def test_the_file_in_the_repository():
    options = read_batching(SERVING / "batching_parameters.txt")
    assert (options.max_batch_size, options.timeout_s, options.max_enqueued_batches) == (8, 0.005, 64)
    assert options.allowed_sizes == (1, 2, 4, 8)


def test_sizes_that_contradict_the_limit_are_refused(tmp_path):
    path = tmp_path / "batching.txt"
    path.write_text("max_batch_size { value: 8 } allowed_batch_sizes: 2 allowed_batch_sizes: 4")
    with pytest.raises(
        ServerError, match=r"batching\.txt: allowed_batch_sizes 2, 4; expected ascending sizes that end"
    ):
        read_batching(path)
