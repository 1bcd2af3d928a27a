"""A map of tasks as a page: one file, which asks no other host for anything."""

from __future__ import annotations

import html
import json
from pathlib import Path

from innerloop.language import say
from innerloop.report.map_picture import colours, links
from innerloop.structure import TaskMap
from innerloop.training.files import write_atomically

SIZE, MARGIN = 720, 30

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #222; padding: 0 1rem; }
svg { width: 100%; height: auto; background: #fafafa; border: 1px solid #e4e4e4; border-radius: 6px; }
line { stroke: #d4d4d4; stroke-width: 1; }
line.near { stroke: #444; stroke-width: 1.5; }
circle { stroke: #fff; stroke-width: 1; cursor: pointer; }
.dim { opacity: 0.12; }
#name { min-height: 3em; }
button { font: inherit; border: 0; background: none; cursor: pointer; margin-right: 1em; padding: 0; }
button i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50%; margin-right: 0.4em; }
button[aria-pressed=false] { opacity: 0.35; }
pre { white-space: pre-wrap; background: #f4f4f4; padding: 0.8em; border-radius: 6px; }
"""

SCRIPT = """
const dots = [...document.querySelectorAll('circle')], lines = [...document.querySelectorAll('line')];
const told = document.getElementById('name'), idle = told.textContent;
function show(t) {
  const near = t === null ? [] : tasks[t].near;
  lines.forEach(l => l.classList.toggle('near', t !== null && (l.dataset.a == t || l.dataset.b == t)));
  told.textContent = t === null ? idle
    : tasks[t].name + ' (' + tasks[t].kind + ') ' + nearest + ': ' + near.map(n => tasks[n].name).join('; ');
}
dots.forEach((dot, t) => {
  dot.onmouseenter = dot.onfocus = () => show(t);
  dot.onmouseleave = dot.onblur = () => show(null);
});
const hidden = new Set();
document.querySelectorAll('button').forEach(button => button.onclick = () => {
  const kind = button.dataset.kind;
  hidden.has(kind) ? hidden.delete(kind) : hidden.add(kind);
  button.setAttribute('aria-pressed', !hidden.has(kind));
  const off = t => hidden.has(tasks[t].kind);
  dots.forEach((dot, t) => dot.classList.toggle('dim', off(t)));
  lines.forEach(l => l.classList.toggle('dim', off(l.dataset.a) || off(l.dataset.b)));
});
"""


def write_map(path: Path, found: TaskMap) -> Path:
    """Write the page; a task's name and nearest tasks show where the pointer is."""
    write_atomically(path, page(found).encode())
    return path


def page(found: TaskMap) -> str:
    places, shades = placed(found), colours(found)
    names = [
        {"name": n, "kind": found.kind_of(t), "near": found.neighbours[t].tolist()}
        for t, n in enumerate(found.names)
    ]
    lines = "".join(
        f'<line data-a="{a}" data-b="{b}" x1="{places[a][0]}" y1="{places[a][1]}" '
        f'x2="{places[b][0]}" y2="{places[b][1]}"/>'
        for a, b in links(found)
    )
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="6" tabindex="0" fill="{shades[found.kind_of(t)]}">'
        f"<title>{html.escape(found.names[t])}</title></circle>"
        for t, (x, y) in enumerate(places)
    )
    buttons = "".join(
        f'<button data-kind="{html.escape(name)}" aria-pressed="true"><i style="background:{shade}"></i>'
        f"{html.escape(name)}</button>"
        for name, shade in shades.items()
    )
    title = html.escape(say(f"Tasks of {found.split}", f"{found.split} 的任务"))
    hint = say(
        "Point at a task to see its name and its nearest tasks.",
        "指向一个任务即可查看其名称与最近的任务。",
    )
    data = f"const tasks = {script_safe(names)}, nearest = {script_safe(say('nearest', '最近'))};"
    return (
        f'<!doctype html><html lang="{say("en", "zh")}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{buttons}</p>"
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{title}">{lines}{dots}</svg>'
        f'<p id="name">{hint}</p><pre>{html.escape(str(found))}</pre>'
        f"<script>{data}{SCRIPT}</script></body></html>\n"
    )


def script_safe(value: object) -> str:
    """JSON that cannot end the script that it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def placed(found: TaskMap) -> list[tuple[float, float]]:
    """Where each task lies on the page, one scale for both directions."""
    low, high = found.layout.amin(0), found.layout.amax(0)
    widest = float((high - low).max()) or 1.0
    middle = (low + high) / 2
    scaled = (found.layout - middle) / widest * (SIZE - 2 * MARGIN)
    return [(round(SIZE / 2 + x, 1), round(SIZE / 2 - y, 1)) for x, y in scaled.tolist()]
