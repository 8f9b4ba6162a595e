"""A sweep shared by several processes: the chief hands out trials, the workers train them, and none waits for ever.

Each worker locks a folder below `--out`, so that the chief sees at once that a worker has ended, also one that was
killed. Keras Tuner itself lets a chief wait for a killed worker for ever, and a worker for a chief for an hour.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.errors import FatalRuntimeError
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from tfspine.config import DEVICES_VARIABLE
from tfspine.errors import ConfigError, ModelError, OutputError
from tfspine.models.devices import CPU, chosen_numbers
from tfspine.outputs import held
from tfspine.training.oracles import KeptOracle

logger = logging.getLogger(__name__)

NAME, ADDRESS, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
WORKERS_FOLDER = "workers"
POLL_S = 1.0
"""How often the chief looks after its workers, and a worker without a trial asks for one."""


@dataclass(frozen=True)
class Role:
    """What this process does in a sweep; without an address it does everything."""

    name: str
    address: str = ""

    @property
    def is_chief(self) -> bool:
        """Whether it hands out trials to others."""
        return bool(self.address) and "chief" in self.name

    @property
    def is_worker(self) -> bool:
        """Whether it trains what a chief hands out."""
        return bool(self.address) and not self.is_chief


def role_from_environment() -> Role:
    """Return the role that Keras Tuner's own variables give.

    Raises:
        ConfigError: some of them are missing or invalid.
    """
    if ADDRESS not in os.environ:
        return Role(os.environ.get(NAME, "tuner0"))
    for variable, pattern, expected in ((NAME, r"[\w.-]*\w", "chief, worker0, ..."), (PORT, r"\d+", "a port")):
        value = os.environ.get(variable, "")
        if not re.fullmatch(pattern, value):
            raise ConfigError(f'{variable} = "{value}" while {ADDRESS} is set; expected {expected}')
    return Role(os.environ[NAME], f"{os.environ[ADDRESS]}:{os.environ[PORT]}")


def take_gpu(role: Role) -> None:
    """Let each worker of a machine have a GPU of its own, in turn by the number in its name; a chief needs none.

    Must come before TensorFlow has initialised its devices.
    """
    if role.is_chief:
        os.environ[DEVICES_VARIABLE] = CPU
    elif role.is_worker and (gpus := chosen_numbers()):
        digits = role.name[len(role.name.rstrip("0123456789")) :]
        os.environ[DEVICES_VARIABLE] = gpus[int(digits or 0) % len(gpus)]


@contextlib.contextmanager
def hold_worker(out: Path, name: str) -> Iterator[None]:
    """Lock a worker's folder, so that the chief sees that it is alive.

    Raises:
        OutputError: another process has this name.
    """
    folder = out / WORKERS_FOLDER / name
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(held(folder))
        except OutputError:
            # The chief may just be looking whether a former worker of this name is alive.
            time.sleep(POLL_S)
            lock.enter_context(held(folder))
        yield


def is_worker_alive(out: Path, name: str) -> bool:
    """Whether a worker holds its lock."""
    try:
        with held(out / WORKERS_FOLDER / name):
            return False
    except OutputError:
        return True


def serve_trials(oracle: KeptOracle, role: Role, *, wait_s: float) -> None:
    """Hand out trials until the search is over and every living worker has been told so.

    Raises:
        ModelError: the address is not free, no worker came for `wait_s` seconds, or the state cannot be written.
    """
    servicer = _Servicer(oracle)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        is_bound = server.add_insecure_port(role.address)
    except RuntimeError:
        is_bound = 0
    if not is_bound:
        raise ModelError(
            f"{role.address}: cannot be listened on; set {ADDRESS} and {PORT} to a free port of this machine"
        )
    server.start()
    try:
        _watch(oracle, servicer, wait_s)
    finally:
        server.stop(grace=POLL_S).wait()


def _watch(oracle: KeptOracle, servicer: "_Servicer", wait_s: float) -> None:
    out = Path(oracle._project_dir).parent
    last_seen = time.monotonic()
    while not (servicer.stop_triggered and not oracle.ongoing_trials and not oracle.tuner_ids):
        time.sleep(POLL_S)
        if servicer.failure is not None:
            raise ModelError(f"{out}: the sweep ended: {servicer.failure!r}; start the chief again to go on")
        for name in {*oracle.tuner_ids, *oracle.ongoing_trials}:
            if not is_worker_alive(out, name):
                logger.warning("worker %s has ended; if it had a trial, the next worker continues it", name)
                oracle.release(name)
        if oracle.tuner_ids:
            last_seen = time.monotonic()
        elif time.monotonic() - last_seen > wait_s:
            if oracle.is_over():
                return
            raise ModelError(f"{out}: no worker for {wait_s:g} s (tuner.wait_s); start workers, and the chief again")


class _Servicer(OracleServicer):
    """Answers the workers; one without a trial waits until the trials of the others have ended well."""

    failure: Exception | None = None

    def CreateTrial(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the name of the call
        response = self._kept(super().CreateTrial, request, context)
        if TrialStatus.from_proto(response.trial.status) == TrialStatus.STOPPED and self.oracle.ongoing_trials:
            # A worker that ends now could not take over the trial of one that is killed.
            self.stop_triggered = False
            self.oracle.tuner_ids.add(request.tuner_id)
            response.trial.status = TrialStatus.to_proto(TrialStatus.IDLE)
        return response

    def UpdateTrial(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the name of the call
        return self._kept(super().UpdateTrial, request, context)

    def EndTrial(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the name of the call
        return self._kept(super().EndTrial, request, context)

    def _kept(self, answer: Callable[[Any, Any], Any], request: Any, context: Any) -> Any:
        # Keras Tuner keeps its lock when an answer fails, so that nothing can be answered afterwards.
        try:
            return answer(request, context)
        except Exception as error:
            self.failure = error
            raise


def limit_questions(tuner: keras_tuner.Tuner, role: Role, *, wait_s: float) -> None:
    """Let a worker's questions to its chief end with a `FatalRuntimeError` after `wait_s` seconds without an answer."""
    if role.is_worker:
        tuner.oracle.stub = _Questions(tuner.oracle.stub, role.address, wait_s)


class _Questions:
    """Keras Tuner's gRPC calls, with a time-out and a pause where the chief has no trial at the moment."""

    def __init__(self, stub: Any, address: str, wait_s: float) -> None:
        self._stub, self._address, self._wait_s = stub, address, wait_s

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._stub, name)

        def ask(request: Any, **_: Any) -> Any:
            try:
                response = call(request, wait_for_ready=True, timeout=self._wait_s)
            except grpc.RpcError as error:
                raise FatalRuntimeError(
                    f"the chief at {self._address} did not answer ({error.code().name}, waited at most "
                    f"{self._wait_s:g} s, tuner.wait_s); start the chief again, then this worker"
                ) from error
            if name == "CreateTrial" and TrialStatus.from_proto(response.trial.status) == TrialStatus.IDLE:
                time.sleep(POLL_S)
            return response

        return ask
