"""What the bench found, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from innerloop.bench.contenders import EXTRA, OURS, Contender
from innerloop.bench.workloads import Workload
from innerloop.language import say

NOTHING = "–"


def made(title: str, *columns: str) -> Table:
    """Names to the left, figures to the right."""
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    return table


def tables(found: dict[str, Any]) -> Iterator[Table]:
    makers = [
        ("speed", speed),
        ("speed", compared),
        ("memory", memory),
        ("supply", supply),
        ("serving", serving),
    ]
    for part, make in makers:
        if found.get(part):
            yield make(found)


def speed(found: dict[str, Any]) -> Table:
    cores = found["settings"]["cores"]
    table = made(
        say(f"A meta-step here, {cores} cores", f"本库的一个元训练步，{cores} 核"),
        say("workload", "工作负载"),
        say("ms", "毫秒"),
        say("tasks/s", "任务/秒"),
        say("% of peak", "峰值占比 %"),
        say("first, s", "首次，秒"),
        say("path", "路径"),
    )
    for name, workload in found["speed"].items():
        ours = workload["contenders"].get(OURS, {})
        table.add_row(
            name,
            figure(ours.get("seconds_median"), 1e3) if ours.get("status") == "ok" else word(ours),
            figure(ours.get("tasks_per_second")),
            figure(ours.get("share_of_fma_peak", ours.get("share_of_gemm_peak")), 100),
            figure(ours.get("first_seconds")),
            ours.get("how", NOTHING),
        )
    return table


def compared(found: dict[str, Any]) -> Table:
    others = [n for n in found["contenders"] if n != OURS and n not in found["absent"]]
    table = made(
        say("How many times as long the others take", "其他库所用时间的倍数"),
        say("workload", "工作负载"),
        *(name.replace("-", "-\n").replace(":", ":\n") for name in others),
    )
    for name, workload in found["speed"].items():
        rows = workload["contenders"]
        table.add_row(name, *(times(rows.get(other, {})) for other in others))
    return table


def times(row: dict[str, Any]) -> str:
    ratio = row.get("ours_is_times_faster")
    return f"{ratio:.2f}" if ratio is not None else word(row)


def word(row: dict[str, Any]) -> str:
    """A status in place of a figure."""
    words = {"wrong": say("WRONG", "错误"), "failed": say("failed", "失败")}
    return words.get(row.get("status", ""), NOTHING)


def memory(found: dict[str, Any]) -> Table:
    grown = found["memory"]
    steps = sorted({int(s) for each in grown.values() for s in each["megabytes"]})
    table = made(
        say(
            "Peak memory above idle in MB, conv4, 1 query, 8 tasks, by inner steps",
            "高于空闲时的峰值内存（MB），conv4，1 个查询，8 个任务，按内循环步数",
        ),
        say("contender", "参与者"),
        *map(str, steps),
        say("per step", "每步"),
    )
    for name, each in grown.items():
        held = {int(s): mb for s, mb in each["megabytes"].items()}
        cells = [figure(held.get(s)) for s in steps]
        table.add_row(name, *cells, figure(each["mb_per_inner_step"]))
    return table


def supply(found: dict[str, Any]) -> Table:
    title = say("Episode supply in the training loop", "训练循环中抽取任务的耗时")
    table = made(
        title, say("loop", "循环"), say("ms a step", "毫秒/步"), say("drawing, %", "抽取 %")
    )
    for name, each in found["supply"].items():
        step = (each["drawing"] + each["learning"]) / each["steps"]
        table.add_row(name, figure(step, 1e3), figure(each["share"], 100))
    return table


def serving(found: dict[str, Any]) -> Table:
    table = made(
        say("Serving 5-way 1-shot tasks of 28 x 28 images", "服务：28 x 28 图像的 5 类 1 样本任务"),
        say("learner", "学习器"),
        say("ms to adapt", "适应毫秒"),
        say("bytes", "字节"),
        say("tasks/s together", "批量任务/秒"),
        say("answers/s", "回答/秒"),
    )
    for name, each in found["serving"].items():
        together = each["tasks"] / each["together"] if each["together"] else None
        table.add_row(
            name,
            figure(each["milliseconds"]),
            NOTHING if each["bytes"] is None else f"{each['bytes']:,}",
            figure(together),
            figure(each["answers_per_second"]),
        )
    return table


def figure(value: float | None, factor: float = 1.0) -> str:
    """Three digits.

    >>> figure(0.012345, 1000), figure(1234.5), figure(None)
    ('12.3', '1,234', '–')
    """
    if value is None:
        return NOTHING
    value *= factor
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def notes(found: dict[str, Any]) -> Iterator[str]:
    """Who is missing, and what went wrong, a line each."""
    absent = [name for name in found["absent"] if name in found["contenders"]]
    if absent:
        yield say(
            f"Not installed: {', '.join(absent)}. {EXTRA[0]}.",
            f"未安装：{'、'.join(absent)}。{EXTRA[1]}。",
        )
    for name, workload in found["speed"].items():
        for other, row in workload["contenders"].items():
            if row.get("error"):
                yield f"{name}, {other}: {row['error']}."
    for name, each in found.get("memory", {}).items():
        for steps, why in each["left_out"].items():
            yield say(
                f"memory, {name}, {steps} steps: {why}.", f"内存，{name}，{steps} 步：{why}。"
            )
    for name, each in found.get("serving", {}).items():
        if each["error"]:
            yield f"{name}: {each['error']}."
    load = found["machine"]["load_before"]
    if load is not None and load > 0.5:
        yield say(
            f"The machine was busy before (load {load:.1f}): figures are rough.",
            f"测量前机器已有负载（{load:.1f}）：数据仅供参考。",
        )


def listing(
    workloads: Mapping[str, Workload], contenders: Mapping[str, Contender]
) -> Iterator[Table]:
    """The parts and the contenders that there are."""
    parts = made(say("Parts", "各部分"), say("name", "名称"), say("what", "内容"))
    parts.columns[1].justify = "left"
    for name, workload in workloads.items():
        parts.add_row(name, say(*workload.about))
    parts.add_row("memory", say("peak memory by inner steps", "峰值内存与内循环步数"))
    parts.add_row("supply", say("share of drawing tasks in training", "训练中抽取任务的占比"))
    parts.add_row("serving", say("adapting and answering, every learner", "适应与回答，所有学习器"))
    yield parts
    table = made(say("Contenders", "参与者"), say("name", "名称"), say("version", "版本"), "")
    table.columns[1].justify = table.columns[2].justify = "left"
    for name, each in contenders.items():
        version = each.version or say("not installed", "未安装")
        table.add_row(name, version, say(*each.about))
    yield table
