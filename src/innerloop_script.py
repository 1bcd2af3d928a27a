"""The console script `innerloop`. It stands outside the package, because importing anything of the
package takes seconds, and Ctrl-C shall be quiet from the first moment."""

from __future__ import annotations

import os
import signal


def main() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # nothing to lose as yet
    from innerloop.cli import main as run

    signal.signal(signal.SIGINT, before)
    run()
