"""The console script is quiet on Ctrl-C, also before there is anything of ours to catch it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SIGNALLED_WHILE_IMPORTING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "torch":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from innerloop_script import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent")
def test_control_c_during_the_imports_prints_nothing() -> None:
    command = [sys.executable, "-c", SIGNALLED_WHILE_IMPORTING]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
