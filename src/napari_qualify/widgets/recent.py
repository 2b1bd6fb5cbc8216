"""Folders that the user opened before, kept in the user's settings."""

from pathlib import Path

from qtpy.QtCore import QSettings

MOST = 8
LIBRARIES = "recent_libraries"
MODELS = "recent_models"


def _settings() -> QSettings:
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-qualify", "napari-qualify"
    )


def recent(kind: str = LIBRARIES) -> list[str]:
    """Return the folders of a kind that are still there, latest first."""
    stored = _settings().value(kind) or []
    paths = [stored] if isinstance(stored, str) else list(stored)
    return [path for path in paths if Path(path).is_dir()]


def remember(path: str, kind: str = LIBRARIES) -> None:
    """Put a folder first."""
    kept = [path, *(other for other in recent(kind) if other != path)][:MOST]
    _settings().setValue(kind, kept)
