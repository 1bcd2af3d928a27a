"""The command line: wiring only."""

from innerloop.cli.app import main

__all__ = ["main"]
