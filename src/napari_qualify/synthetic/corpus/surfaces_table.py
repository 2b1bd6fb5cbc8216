"""Rows of the corpus: fracture, cracks, welds, defects, surfaces and polymers."""

from napari_qualify.synthetic.corpus import surfaces as draw
from napari_qualify.synthetic.corpus.scene import Kind, Material

_METALS = (
    Material("a ductile steel", "steel, fracture, iron, alloy, metal"),
    Material("an aluminium alloy", "aluminium, fracture, alloy, metal"),
    Material("titanium", "titanium, fracture, metal"),
)
_BRITTLE = (
    Material("a ferritic steel broken cold", "steel, fracture, iron, ferrite, alloy, metal"),
    Material("zinc", "zinc, fracture, metal"),
    Material("a magnesium alloy", "magnesium, fracture, alloy, metal"),
)
_POLYMERS = (
    Material("polyethylene", "polymer, polyethylene, birefringence, spherulite"),
    Material("polypropylene", "polymer, polypropylene, birefringence, spherulite"),
    Material("poly(hydroxybutyrate)", "polymer, birefringence, spherulite, biopolymer"),
)
_LIQUID = (
    Material("a liquid crystal", "liquid crystal, polymer, birefringence, nematic"),
    Material(
        "a liquid crystalline polymer",
        "liquid crystalline polymer (LCP), polymer, birefringence, alignment",
    ),
    Material("an injection-moulded polymer", "polymer, birefringence, alignment, residual stress"),
)

KINDS = (
    Kind(
        "ductile fracture",
        draw.dimples,
        ("a dimpled fracture surface", "ductile fracture by microvoid coalescence"),
        _METALS,
        ("sem",),
        ("The part failed in a ductile manner.",),
    ),
    Kind(
        "cleavage",
        draw.cleavage,
        (
            "cleavage facets",
            "brittle transgranular fracture",
            "a fracture surface with river lines",
        ),
        _BRITTLE,
        ("sem",),
        ("The part failed in a brittle manner.",),
    ),
    Kind(
        "intergranular fracture",
        draw.intergranular,
        ("intergranular fracture", "a brittle fracture surface along grain boundaries"),
        (
            Material("an embrittled steel", "steel, fracture, iron, alloy, metal"),
            Material("alumina", "alumina, ceramic, fracture"),
            Material("a ceramic", "ceramic, fracture"),
        ),
        ("sem",),
        (),
    ),
    Kind(
        "fatigue",
        draw.striations,
        ("fatigue striations", "a fatigue fracture surface"),
        _METALS,
        ("sem",),
        ("Each striation marks a load cycle.",),
    ),
    Kind(
        "cracks",
        draw.cracks,
        ("cracks", "a crack through the section", "cracking"),
        (
            Material("a hardened steel", "steel, crack, alloy, metal"),
            Material("a ceramic coating", "ceramic, coating, crack"),
            Material("glass", "glass, crack, fracture"),
            Material("a weld", "weld, crack, steel, metal"),
        ),
        ("optical", "sem"),
        ("Fracture started at the surface.",),
    ),
    Kind(
        "crack network",
        draw.crack_network,
        ("a network of cracks", "crazing", "thermal cracks"),
        (
            Material("a glaze", "glaze, ceramic, crack"),
            Material("a dried coating", "coating, crack"),
            Material("a ceramic film", "ceramic, thin film, crack"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "weld beads",
        draw.weld,
        ("weld beads", "melt pools", "a weld with fusion boundary and heat affected zone"),
        (
            Material("welded steel", "weld, steel, iron, alloy, metal"),
            Material("laser powder bed fusion alloy", "additive manufacturing, alloy, metal"),
            Material("an overlay of nickel alloy", "weld, nickel, alloy, metal"),
            Material("welded stainless steel", "weld, stainless steel, austenite, alloy, metal"),
        ),
        ("optical",),
        (),
    ),
    Kind(
        "dislocations",
        draw.dislocations,
        ("dislocations", "dislocation lines in a thin foil"),
        (
            Material("deformed aluminium", "dislocation, aluminium, metal"),
            Material("stainless steel foil", "dislocation, stainless steel, austenite, metal"),
            Material("a semiconductor layer", "dislocation, semiconductor, silicon"),
        ),
        ("tem",),
        (),
    ),
    Kind(
        "lattice image",
        draw.lattice,
        ("lattice fringes", "atomic planes at high resolution"),
        (
            Material("silicon", "silicon, semiconductor, high resolution"),
            Material("a nanocrystal", "nanocrystal, high resolution"),
            Material("a perovskite oxide", "ceramic, perovskite"),
        ),
        ("tem",),
        (),
    ),
    Kind(
        "etch pits",
        draw.etch_pits,
        ("etch pits", "pits at dislocations"),
        (
            Material("a silicon wafer", "silicon, semiconductor, dislocation"),
            Material("lithium fluoride", "ceramic, dislocation, single crystal"),
            Material("a corroded stainless steel", "stainless steel, corrosion, pitting, metal"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "scratches",
        draw.scratches,
        ("scratches", "grinding marks", "a poorly polished section"),
        (
            Material("a polished metal", "metal, polishing"),
            Material("a worn steel", "wear, steel, metal"),
            Material("a polymer surface", "polymer, wear"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "corrosion",
        draw.corrosion,
        ("corrosion", "corrosion products", "a corroded edge"),
        (
            Material("a steel", "corrosion, steel, iron, oxide, metal"),
            Material(
                "an archaeological bronze", "corrosion, bronze, copper, tin, alloy, metal", "copper"
            ),
            Material("an aluminium alloy", "corrosion, aluminium, alloy, metal"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "spherulites",
        draw.spherulites,
        ("spherulites", "polymer spherulites between crossed polars"),
        _POLYMERS,
        ("polarised",),
        ("Crystallised from the melt.", "Birefringence shows the orientation of the chains."),
    ),
    Kind(
        "liquid crystal texture",
        draw.schlieren,
        (
            "a schlieren texture",
            "a birefringent oriented structure",
            "banded texture between crossed polars",
        ),
        _LIQUID,
        ("polarised",),
        ("The birefringence follows the alignment of the molecules.",),
    ),
    Kind(
        "phase separation",
        draw.blend,
        ("phase separation", "domains of two phases", "an interpenetrating two-phase structure"),
        (
            Material("a polymer blend", "polymer, copolymer, phase separation"),
            Material("a glass after spinodal decomposition", "glass, ceramic, phase separation"),
            Material("a food emulsion", "food, emulsion, phase separation"),
        ),
        ("optical", "transmitted", "tem"),
        (),
    ),
)
