"""Draws bars as SVG: for each load, what everybody cost. No library; a picture is a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from tests.bench.reporting import number

_COLOURS: Final = ("#0b6e4f", "#8d99ae", "#c8553d", "#e09f3e", "#5c4d7d")
_LABEL_WIDTH: Final = 190
_BARS_WIDTH: Final = 480
_FIGURE_WIDTH: Final = 90
_BAR_HEIGHT: Final = 11
_GROUP_GAP: Final = 14
_TOP: Final = 56
_STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#222}.small{font-size:10px}.title{font-size:14px;font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


def draw(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return a picture of `groups`: in each, programs and figures. A bar too long for it is cut, and says so."""
    programs = list(dict.fromkeys(name for group in groups.values() for name in group))
    colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(programs)}
    drawn, top = [], _TOP
    for label, group in groups.items():
        drawn.append(_group(label, group, colours, top))
        top += len(group) * (_BAR_HEIGHT + 2) + _GROUP_GAP
    width = _LABEL_WIDTH + _BARS_WIDTH + _FIGURE_WIDTH
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="8" y="20">{escape(title)}</text>',
            _legend(programs, colours),
            *drawn,
            "</svg>\n",
        ]
    )


def _legend(programs: Sequence[str], colours: Mapping[str, str]) -> str:
    marks, left = [], 8
    for name in programs:
        marks.append(f'<rect x="{left}" y="31" width="10" height="10" fill="{colours[name]}"/>')
        marks.append(f'<text class="small" x="{left + 14}" y="40">{escape(name)}</text>')
        left += 30 + 6 * len(name)
    return "".join(marks)


def _group(label: str, group: Mapping[str, float], colours: Mapping[str, str], top: int) -> str:
    longest = _scale_end(list(group.values()))
    parts = [f'<text x="8" y="{top + _BAR_HEIGHT}">{escape(label)}</text>']
    for at, (name, value) in enumerate(group.items()):
        y = top + at * (_BAR_HEIGHT + 2)
        length = max(1.0, min(1.0, value / longest) * _BARS_WIDTH)
        figure = number(value) + (" (cut)" if value > longest else "")
        parts.append(
            f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{length:.1f}" height="{_BAR_HEIGHT}" fill="{colours[name]}"/>'
            f'<text class="small" x="{_LABEL_WIDTH + length + 5:.1f}" y="{y + 9}">{figure}</text>'
        )
    return "".join(parts)


def _scale_end(values: Sequence[float]) -> float:
    """Return where the scale of a group ends: at its longest bar, but one far beyond all others is cut."""
    ordered = sorted(values)
    if len(ordered) > 1 and ordered[-1] > 4 * ordered[-2]:
        return 1.25 * ordered[-2]
    return ordered[-1] or 1.0
