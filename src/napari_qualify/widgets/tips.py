"""Tooltips of plain words."""

from html import escape


def tip(words: str) -> str:
    """Return a tooltip that shows words as they are: Qt would take some for markup."""
    return f"<qt>{escape(words)}</qt>".replace("\n", "<br>")
