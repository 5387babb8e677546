"""What pictures need of matplotlib: itself, and a font with Korean letters."""

from __future__ import annotations

from typing import Any

LATIN = "DejaVu Sans Mono"  # which comes with matplotlib

# Fonts with Korean letters that systems commonly have.
KOREAN = "Noto Sans CJK KR, Noto Sans KR, NanumGothic, Malgun Gothic, Apple SD Gothic Neo, AppleGothic, D2Coding"


def matplotlib() -> Any:
    """The module. Raises ImportError, with the command that installs it, where it is missing."""
    try:
        import matplotlib.figure
        import matplotlib.font_manager
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib, which is not installed. Install it with: pip install 'minidl[lesson]'"
        ) from error
    return matplotlib


def korean_font() -> str | None:
    """The name of an installed font with Korean letters, None where there is none."""
    manager, names = matplotlib().font_manager, KOREAN.split(", ")
    for path in manager.findSystemFonts():
        if "Nanum" in path and not any(entry.fname == path for entry in manager.fontManager.ttflist):
            manager.fontManager.addfont(path)  # matplotlib's list is older than the font
    installed = {entry.name for entry in manager.fontManager.ttflist}
    return next((name for name in names if name in installed), None)


def drawable(text: str) -> tuple[str, list[str]]:
    """A text, and the fonts for it; letters that no font has become question marks."""
    names, manager = [LATIN, *filter(None, [None if text.isascii() else korean_font()])], matplotlib().font_manager
    fonts = [manager.get_font(manager.findfont(name)) for name in names]
    return "".join(x if any(font.get_char_index(ord(x)) for font in fonts) else "?" for x in text), names
