"""An import-linter contract that lists what may be imported, not what may not."""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyImports(Contract):
    """A package imports itself, the standard library and the modules listed.

    Imports inside functions count; those under ``TYPE_CHECKING`` do not when
    the configuration leaves them out. import-linter's own `forbidden` contract
    misses what nobody thought of forbidding.

    Options
    -------
    package : the package that is held to the list
    allowed : modules it may import: top-level names of other distributions,
        full names within this one (their submodules included)
    """

    type_name = "only_imports"

    package = fields.ModuleField()
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect the direct imports that are not on the list."""
        package = self.package.name  # type: ignore[attr-defined]
        allowed = (package, *self.allowed)  # type: ignore[misc]
        importers = {package} | graph.find_descendants(package)
        broken = [
            (importer, imported)
            for importer in sorted(importers)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if imported.partition(".")[0] not in sys.stdlib_module_names
            and not any(imported == name or imported.startswith(name + ".") for name in allowed)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that is not on the list."""
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} imports {imported}")
        output.print(f"Allowed: {', '.join(sorted(self.allowed))}")  # type: ignore[call-overload]
