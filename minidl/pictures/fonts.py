"""What pictures need of matplotlib: itself, and a font with Korean letters."""

from __future__ import annotations

from typing import Any

LATIN = "DejaVu Sans"  # which comes with matplotlib

# Fonts with Korean letters that systems commonly have.
KOREAN = (
    "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo", "AppleGothic",
    "D2Coding", "UnDotum", "Baekmuk Gulim",
)  # fmt: skip


def matplotlib() -> Any:
    """The module. Raises ImportError, with the command that installs it, where it is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib, which is not installed. Install it with: pip install 'minidl[lesson]'"
        ) from error
    return matplotlib


def korean_font() -> str | None:
    """The name of an installed font with Korean letters, None where there is none."""
    from matplotlib import font_manager

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in KOREAN if name in installed), None)


def drawable(text: str) -> tuple[str, list[str]]:
    """A text, and the fonts for it; letters that no font has become question marks."""
    fonts = [LATIN]
    missing = _missing(text, LATIN)
    if missing and (korean := korean_font()) is not None:
        fonts.append(korean)
        missing &= _missing(text, korean)
    return "".join("?" if letter in missing else letter for letter in text), fonts


def _missing(text: str, name: str) -> set[str]:
    """The letters of a text that a font doesn't have."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(name))
    return {letter for letter in text if not font.get_char_index(ord(letter))}
