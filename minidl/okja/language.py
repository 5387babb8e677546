"""The two languages that a student reads: English, as it stands in the source, and Korean."""

from __future__ import annotations

import locale
import os
from typing import Any

from minidl.okja.korean import KOREAN
from minidl.pictures.picture import BEGINNING, OWN_RULE

LANGUAGES = ("en", "ko")


def usual_language() -> str:
    """That of the environment, as programs on a terminal choose it: Korean where its locale is, else English."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    found = next(filter(None, named), None) or locale.getlocale()[0] or ""
    return "ko" if found.lower().startswith(("ko", "korean")) else "en"


def translated(text: str, language: str, **values: Any) -> str:
    """A text in a language, with values put in where it has their names in braces."""
    return (KOREAN.get(text, text) if language == "ko" else text).format(**values)


def rule_in(text: str, language: str) -> str:
    """What a picture says of a rule, formulas and English words, in a language."""
    for words in (BEGINNING, OWN_RULE, "summed to", "repeated to"):
        text = text.replace(words, translated(words, language))
    return text
