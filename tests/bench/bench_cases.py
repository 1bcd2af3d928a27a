"""The workloads, small enough for a test."""

from __future__ import annotations

from dataclasses import replace

from innerloop.bench.workloads import WORKLOADS, Workload


def small(name: str) -> Workload:
    """Two tasks of two queries, on a narrow network."""
    one = WORKLOADS[name]
    narrow = {"width": 8} if one.is_conv4 or one.model == "resnet12" else {}
    return replace(one, tasks=2, queries=min(2, one.queries), settings={**one.settings, **narrow})
