"""Libraries that the user opened before, kept in the user's settings."""

from pathlib import Path

from qtpy.QtCore import QSettings

MOST = 8


def _settings() -> QSettings:
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-qualify", "napari-qualify"
    )


def recent() -> list[str]:
    """Return the libraries that are still there, latest first."""
    stored = _settings().value("recent_libraries") or []
    paths = [stored] if isinstance(stored, str) else list(stored)
    return [path for path in paths if Path(path).is_dir()]


def remember(path: str) -> None:
    """Put a library first."""
    kept = [path, *(other for other in recent() if other != path)][:MOST]
    _settings().setValue("recent_libraries", kept)
