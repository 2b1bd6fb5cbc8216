"""Captions of a rendered structure in an expert's varied wording."""

from napari_qualify.synthetic.corpus.appearance import METHODS
from napari_qualify.synthetic.corpus.patterns import Rng
from napari_qualify.synthetic.corpus.scene import Kind, Material, Scene

_FORMS = (
    "{method} of {material}: {structure}. {Says}. {remark}",
    "{Material}. {Structure}, {says}. {remark}",
    "{Structure} in {material}. {Says}. {remark}",
    "{method} that shows {structure} in {material}; {says}. {remark}",
    "{Material}, {structure}. {remark}",
)


def captions(kind: Kind, scene: Scene, material: Material, method: str, rng: Rng) -> list[str]:
    """Several captions of one picture.

    Returns
    -------
    list of str
        A description in sentences, a catalogue's keywords, and the structure alone.
    """
    structure, says = str(rng.choice(kind.structures)), ", ".join(scene.says) or kind.name
    remark = str(rng.choice(kind.remarks)) if kind.remarks and rng.uniform() < 0.6 else ""
    name = str(rng.choice(METHODS[method]))
    values = {
        "material": material.phrase,
        "Material": _capital(material.phrase),
        "structure": structure,
        "Structure": _capital(structure),
        "says": says,
        "Says": _capital(says),
        "remark": remark,
        "method": _capital(name),
    }
    description = str(rng.choice(_FORMS)).format(**values).strip()
    keywords = f"{material.keywords}, {kind.name}, {structure}"
    return [description, keywords, f"a micrograph showing {structure}"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
