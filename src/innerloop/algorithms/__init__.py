"""One paper, one file, one constructor; and the table of their names."""

from innerloop.algorithms.anil import anil
from innerloop.algorithms.maml import fomaml, maml

ALGORITHMS = {
    "maml": maml,
    "fomaml": fomaml,
    "anil": anil,
}

__all__ = ["ALGORITHMS", *ALGORITHMS]
