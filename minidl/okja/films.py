"""The lesson's data: four films, how many users of the service Watcha wanted to see them, and how many people did."""

from __future__ import annotations

from typing import NamedTuple

PEOPLE = 10_000  # the unit in which the lesson counts an audience


class Film(NamedTuple):
    """A film, with its audience in units of 10,000 people (0 where it is to be predicted)."""

    korean: str
    english: str
    wishes: int
    audience: int


FILMS = (
    Film("마션", "The Martian", 8759, 487),
    Film("킹스맨", "Kingsman", 10132, 612),
    Film("캡틴아메리카", "Captain America", 12078, 866),
    Film("인터스텔라", "Interstellar", 16430, 1030),
)
OKJA = Film("옥자", "Okja", 12008, 0)
