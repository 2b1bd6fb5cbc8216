"""How good verdicts are: figures, comparisons and agreement against experts."""

from napari_qualify._verbs import make_callable

make_callable(__name__, "napari_qualify.evaluate.run", "evaluate")
