"""How fast: this library beside others that are installed, checked before it is timed."""

from innerloop.bench.asked import PARTS
from innerloop.bench.contenders import CONTENDERS
from innerloop.bench.run import bench
from innerloop.bench.workloads import WORKLOADS

__all__ = ["CONTENDERS", "PARTS", "WORKLOADS", "bench"]
