"""Subpackages that are verbs: ``nq.embed(...)`` beside ``napari_qualify.embed.views``.

The public verbs ``segment``, ``measure``, ``embed`` and ``report`` share their
names with the subpackages that hold them. Python binds a subpackage to its
parent's attribute on import, which would replace a function of that name; a
callable module keeps both spellings working, whatever was imported first.
"""

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _VerbModule(ModuleType):
    """A module that calls the function it is named after."""

    _verb: tuple[str, str]

    def _function(self) -> Any:
        module, name = self._verb
        return getattr(import_module(module), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function()(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function())


def make_callable(package: str, module: str, function: str) -> None:
    """Let the imported `package` be called as `function` of `module`.

    Parameters
    ----------
    package : str
        Full name of the subpackage, normally its ``__name__``.
    module : str
        Full name of the module that defines the function; imported at the
        first call only.
    function : str
        Name of the function.
    """
    target = sys.modules[package]
    target.__class__ = _VerbModule
    target._verb = (module, function)  # type: ignore[attr-defined]
