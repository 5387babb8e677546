"""Changes of the source that no test notices, each with the reason; see `mutations.py`."""

from __future__ import annotations

SURVIVORS: dict[str, str] = {}
