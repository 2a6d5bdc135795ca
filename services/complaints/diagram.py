"""The state machine as a picture (Mermaid), drawn from the table the service runs on.

`python -m services.complaints.diagram` writes `states.md` anew; a test tells when it is out of date.
"""

from pathlib import Path

from services.complaints.life import ACTORS, PLACES, TRANSITIONS, Status

PAGE = Path(__file__).with_name("states.md")


def draw() -> str:
    """Return the page."""
    lines = [
        "# The life of a report",
        "",
        "Drawn from `life.py` by `python -m services.complaints.diagram`. Each arrow says what happens and who does",
        "it. What leaves a report where it is (photos, replies, publication, clock records) is not drawn. No arrow",
        "leads out: a report is never deleted.",
        "",
        "```mermaid",
        "stateDiagram-v2",
    ]
    for status, moves in TRANSITIONS.items():
        for kind, after in moves.items():
            if after is not status:
                who = " or ".join(sorted(ACTORS[kind]))
                origin = "[*]" if status is Status.NEW else status.value
                lines.append(f"    {origin} --> {after}: {kind} ({who})")
    lines += ["```", "", "| state | place in the balance |", "|---|---|"]
    lines += [f"| {status} | {place} |" for status, place in PLACES.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
