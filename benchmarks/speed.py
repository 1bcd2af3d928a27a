"""The whole speed bench, held against the targets, for benchmarks/results/speed.json and speed.png.

Each target is a ratio of medians within one interleaved run on all cores, or a share of the measured
FMA peak; what is missed is listed with what was measured instead. Run it on a quiet machine, with the
peers installed (pip install 'innerloop[peers]'): it is `innerloop bench` and a comparison. With --only,
what is measured takes the place of the same rows of an earlier result, and each row bears its date.

    python benchmarks/speed.py --minutes 20
    python benchmarks/speed.py --only protonet memory --minutes 3
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from innerloop.bench.picture import draw
from innerloop.bench.run import bench
from innerloop.training.files import to_json

LOOPS = ("higher", "torchopt", "learn2learn", "plain")
CONV4 = ("conv4-k1", "conv4-k5")
ONE_QUERY = ("conv4-q1-k1", "conv4-q1-k5")
SINUSOIDS = ("sinusoid-k1", "sinusoid-k5")
GENERAL = ("transformer", "gru", "resnet12")
TARGETS = [  # workloads, least ratio to every loop, to the best JAX, least share of the FMA peak
    (CONV4, 3.0, 2.0, 0.60),
    (ONE_QUERY, 3.5, 2.0, 0.55),
    (("conv4-84",), 4.0, 3.0, 0.50),
    (("conv4-20way",), 3.5, 3.0, 0.65),
    (("conv4-fomaml",), 2.5, 2.0, None),
    (("conv4-anil",), 2.0, 2.0, None),
    (SINUSOIDS, 30.0, 1.0, None),
    (GENERAL, 2.0, None, None),
    (("protonet", "neural-process", "in-context"), 1.0, None, None),
]
MB_PER_INNER_STEP = 1.0
SUPPLY = 0.03
PARTS = ("speed", "memory", "supply", "serving")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--only", nargs="+", default=None)
    parser.add_argument("--against", nargs="+", default=None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    asked = parser.parse_args()
    found = bench(
        asked.only,
        against=asked.against,
        minutes=asked.minutes,
        quick=asked.quick,
        cores=asked.cores,
        show=lambda share, what: print(f"{100 * share:3.0f} % {what}", file=sys.stderr, flush=True),
    )
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / "speed.json"
    found = with_dates(found)
    if asked.only and file.exists():
        found = joined(with_dates(json.loads(file.read_text())), found)
    found["targets"] = targets(found)
    file.write_text(to_json(found))
    draw(asked.out / "speed.png", found)
    for row in found["targets"]:
        print("met   " if row["met"] else "MISSED", row["what"], row["target"], row["measured"])


def with_dates(found: dict) -> dict:
    """Each row bears the day on which it was measured, and how busy the machine was before."""
    when = {"date": found["date"], "load_before": found["machine"]["load_before"]}
    return found | {
        part: {n: when | row for n, row in found.get(part, {}).items()} for part in PARTS
    }


def joined(earlier: dict, later: dict) -> dict:
    """Everything of the later, and of the earlier the rows that were not measured again."""
    return earlier | later | {part: earlier[part] | later[part] for part in PARTS}


def targets(found: dict) -> list[dict]:
    """One row per target that was measured: what, target, measured, met."""
    rows = []
    for workloads, loops, jax, peak in TARGETS:
        for name in workloads:
            if name not in found["speed"]:
                continue
            held = found["speed"][name]["contenders"]
            rows += [least(f"{name}, times {other}", loops, ratio(held, other)) for other in LOOPS]
            best = [r for r in (ratio(held, "jax"), ratio(held, "jax-idiomatic")) if r is not None]
            rows.append(least(f"{name}, times the best JAX", jax, min(best, default=None)))
            share = held["innerloop"].get("share_of_fma_peak")
            rows.append(least(f"{name}, share of the FMA peak", peak, share))
    for name, each in found.get("supply", {}).items():
        rows.append(most(f"supply, {name}", SUPPLY, each["share"]))
    grown = found.get("memory", {}).get("innerloop", {}).get("mb_per_inner_step")
    rows.append(most("memory, MB per inner step", MB_PER_INNER_STEP, grown))
    return [row for row in rows if row]


def ratio(contenders: dict, name: str) -> float | None:
    return contenders.get(name, {}).get("ours_is_times_faster")


def least(what: str, target: float | None, measured: float | None) -> dict:
    if target is None or measured is None:
        return {}
    return {"what": what, "target": target, "measured": measured, "met": measured >= target}


def most(what: str, target: float, measured: float | None) -> dict:
    if measured is None:
        return {}
    return {"what": what, "target": target, "measured": measured, "met": measured <= target}


if __name__ == "__main__":
    main()
