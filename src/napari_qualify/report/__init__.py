"""Reports of assessments: HTML, CSV and JSON."""

from napari_qualify._verbs import make_callable

make_callable(__name__, "napari_qualify.report.run", "report")
