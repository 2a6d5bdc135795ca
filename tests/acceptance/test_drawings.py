"""The pictures in the docs are of the tables that the services run on."""

from services.drawings import PAGE, draw
from services.permits.machine import RULES


def test_the_state_machines_in_the_docs_are_those_in_use() -> None:
    assert PAGE.read_text(encoding="utf-8") == draw()


def test_every_change_of_state_is_drawn() -> None:
    drawn = draw()
    for one in RULES:
        for source, target in one.moves.items():
            assert source is target or f"{source} --> {target}: {one.kind}" in drawn
