"""What C++ code logs past Python stays away from standard error; all else, and what is fatal, passes."""

import subprocess
import sys

from test_progress import in_terminal

WRITES = """
import os, sys
from tfspine.workflows.native_log import without_native_log
from tfspine.progress import new_bar
with without_native_log(), new_bar() as bar:
    task = bar.add_task("axial detector", total=2)
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
    os.write(2, b"W0000 00:00:1796076717.762479   32647 op_level_cost_estimator.cc:699] Error in PredictCost()\\n")
    os.write(2, b"E0000 00:00:1796076717.762479   32647 cuda_dnn.cc:8310] Unable to register cuDNN factory\\n")
    os.write(2, b"2026-11-30 21:47:46.510103: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:31] no cuda drivers\\n")
    os.write(2, b"no log line\\n")
    os.write(2, b"F0000 00:00:1796076717.762479   32647 check.cc:1] Check failed: a fatal line\\n")
    print("of Python", file=sys.stderr)
    bar.update(task, completed=2)
    END
print("afterwards", file=sys.stderr)
"""
PASSED = ("no log line", "a fatal line", "of Python")
DROPPED = ("PredictCost", "InitializeLog", "cuDNN", "cuda drivers")


def test_on_a_terminal_the_bar_stays_and_log_lines_go() -> None:
    shown = in_terminal([sys.executable, "-c", WRITES.replace("END", "pass")])
    assert "2/2" in shown
    assert [text for text in DROPPED if text in shown] == []
    assert [text for text in (*PASSED, "afterwards") if text not in shown] == []


def test_in_a_file_too() -> None:
    done = subprocess.run([sys.executable, "-c", WRITES.replace("END", "pass")], capture_output=True, text=True)
    assert done.returncode == 0
    assert [text for text in DROPPED if text in done.stderr] == []
    assert [text for text in (*PASSED, "afterwards") if text not in done.stderr] == []


def test_the_last_words_of_a_process_that_aborts_are_passed_on() -> None:
    code = WRITES.replace("END", "os.write(2, b'without an end'); os.abort()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode < 0
    assert done.stderr.rstrip().endswith("without an end")
    assert "a fatal line" in done.stderr


def test_an_error_leaves_standard_error_as_it_was() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITES.replace("END", "raise ValueError('told by Python')")],
        capture_output=True,
        text=True,
    )
    assert "told by Python" in done.stderr
    assert "afterwards" not in done.stderr


def test_a_closed_standard_error_is_left_alone() -> None:
    code = "from tfspine.workflows.native_log import without_native_log\nwith without_native_log(): print('done')"
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -c "$0" 2>&-', code], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
