"""The state machine as a picture (Mermaid), drawn from the table the service runs on.

`python -m services.emergency.diagram` writes `states.md` anew; a test tells when it is out of date.
"""

from pathlib import Path

from services.emergency.machine import TRANSITIONS, Status

PAGE = Path(__file__).with_name("states.md")


def draw() -> str:
    """Return the page."""
    lines = [
        "# The life of an incident",
        "",
        "Drawn from `machine.py` by `python -m services.emergency.diagram`. Where one event has several arrows, the",
        "units decide: the furthest one says where the incident stands. What leaves it where it is (messages, notes,",
        "judgements) is not drawn. No arrow leads out: an incident is never deleted.",
        "",
        "```mermaid",
        "stateDiagram-v2",
    ]
    for status, moves in TRANSITIONS.items():
        origin = "[*]" if status is Status.NEW else status.value
        lines += [
            f"    {origin} --> {after}: {kind}"
            for kind, possible in moves.items()
            for after in possible
            if after is not status
        ]
    return "\n".join([*lines, "```"]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
