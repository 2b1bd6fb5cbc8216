"""Qualify micrographs: accept, review or reject per criterion, with the evidence.

The verbs are the same in the napari window, a script and the command line.

>>> import tempfile, napari_qualify as nq
>>> lot = nq.sample_lot()  # rendered Ni-WC micrographs, shipped with the package
>>> with tempfile.TemporaryDirectory() as folder:
...     library = lot.build_library(folder + "/ni-wc")
...     assessments = nq.qualify(lot.judge[:2], library)
...     report = nq.report(assessments, folder + "/report")
...     (len(assessments), report.name)
(2, 'report.html')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_qualify.decide.explain import explain
    from napari_qualify.embed.pipeline import embed
    from napari_qualify.evaluate.run import evaluate
    from napari_qualify.library.store import Library, open_library
    from napari_qualify.measure.run import measure
    from napari_qualify.micrograph import Micrograph, read
    from napari_qualify.qualify import qualify
    from napari_qualify.report.run import report
    from napari_qualify.search import search
    from napari_qualify.segment.phases import Phases
    from napari_qualify.segment.run import segment
    from napari_qualify.synthetic.lot import sample_lot

__all__ = [
    "Library",
    "Micrograph",
    "Phases",
    "__version__",
    "embed",
    "evaluate",
    "explain",
    "measure",
    "open_library",
    "qualify",
    "read",
    "report",
    "sample_lot",
    "search",
    "segment",
]

# Loaded at first use: importing the package must stay free of Qt and torch.
_LAZY = {
    "Library": "library.store",
    "Micrograph": "micrograph",
    "Phases": "segment.phases",
    "embed": "embed",
    "evaluate": "evaluate",
    "explain": "decide.explain",
    "measure": "measure",
    "open_library": "library.store",
    "qualify": "qualify",
    "read": "micrograph",
    "report": "report",
    "sample_lot": "synthetic.lot",
    "search": "search",
    "segment": "segment",
}
# Subpackages that are verbs themselves (see _verbs); `qualify` and `search` are modules.
_VERB_MODULES = frozenset(
    {"embed", "evaluate", "measure", "qualify", "report", "search", "segment"}
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-qualify")
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_LAZY[name]}")
    return module if name in _VERB_MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
