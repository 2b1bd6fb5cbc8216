"""Rows of the corpus: fibres, particles, porous bodies, powders and layers."""

from napari_qualify.synthetic.corpus import composites as draw
from napari_qualify.synthetic.corpus.scene import Kind, Material

_CFRP = Material(
    "carbon fibre reinforced epoxy (CFRP)", "composite material, fibre, carbon, epoxy, polymer"
)
_GLASS = Material(
    "glass fibre reinforced polymer", "composite material, fibre, glass, polymer, epoxy"
)
_MMC = Material(
    "a titanium matrix composite with silicon carbide fibres",
    "composite material, metal matrix composite, fibre, titanium, silicon carbide, metal",
)
_KEVLAR = Material(
    "an aramid (Kevlar) fibre composite", "composite material, fibre, polymer, epoxy, alignment"
)
_ALUMINA = Material("sintered alumina", "alumina, ceramic, aluminium, porosity, sintering")
_POROUS = (
    Material("cast aluminium alloy", "aluminium, alloy, metal, porosity, casting"),
    Material("a laser-melted steel", "steel, alloy, metal, porosity"),
    Material("cast bronze", "bronze, copper, tin, alloy, metal, porosity", "copper"),
    Material("a weld metal with gas pores", "weld, alloy, metal, porosity"),
    Material("a porous ceramic", "ceramic, porosity"),
)

KINDS = (
    Kind(
        "fibre sections",
        draw.fibre_sections,
        (
            "fibres in cross-section",
            "a unidirectional composite cut across its fibres",
            "round fibres in a matrix",
        ),
        (
            _CFRP,
            _GLASS,
            _MMC,
            Material(
                "an alumina fibre reinforced aluminium",
                "composite material, metal matrix composite, fibre, alumina, aluminium, metal",
            ),
        ),
        ("optical", "sem"),
        ("Fibre reinforcement carries the load.",),
    ),
    Kind(
        "aligned fibres",
        draw.fibre_lengths,
        (
            "aligned fibres",
            "parallel fibres along the plane",
            "a fibrous structure with strong alignment",
        ),
        (
            _CFRP,
            _GLASS,
            _KEVLAR,
            Material("drawn polymer fibres", "polymer, fibre, alignment"),
            Material("natural fibres", "fibre, natural material, polymer, alignment"),
            Material(
                "a superconducting wire with filaments",
                "superconductor, niobium, copper, fibre, metal",
            ),
        ),
        ("optical", "sem", "transmitted"),
        ("The fibres are oriented along the loading direction.",),
    ),
    Kind(
        "woven fabric",
        draw.woven,
        ("a woven fabric", "woven fibre tows", "plain weave reinforcement"),
        (_CFRP, _GLASS, _KEVLAR, Material("a textile", "textile, fibre, polymer")),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "particle composite",
        draw.particles,
        (
            "a particle reinforced composite",
            "angular reinforcing particles",
            "hard particles in a softer matrix",
        ),
        (
            Material(
                "silicon carbide particles in aluminium",
                "composite material, metal matrix composite, silicon carbide, aluminium, metal",
            ),
            Material(
                "a nickel matrix with tungsten carbide",
                "composite material, metal matrix composite, nickel, tungsten carbide, metal",
            ),
            Material(
                "alumina particles in polymer", "composite material, alumina, polymer, ceramic"
            ),
            Material(
                "a refractory of alumina and graphite",
                "refractory, alumina, graphite, carbon, ceramic, composite material",
            ),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "cemented carbide",
        draw.cemented,
        ("hard grains with a thin binder", "liquid-phase sintered grains"),
        (
            Material(
                "tungsten carbide with cobalt",
                "cemented carbide, tungsten carbide, cobalt, ceramic, metal, composite material",
            ),
            Material("silicon nitride ceramic", "ceramic, silicon nitride, silicon"),
            _ALUMINA,
        ),
        ("sem", "optical"),
        (),
    ),
    Kind(
        "porosity",
        draw.pores,
        ("porosity", "pores", "voids in the section", "gas porosity"),
        _POROUS,
        ("optical", "sem"),
        ("The pores weaken the part.",),
    ),
    Kind(
        "sintered ceramic",
        draw.sintered,
        ("a sintered ceramic surface", "ceramic grains and grain boundaries", "a granular ceramic"),
        (
            _ALUMINA,
            _ALUMINA,
            Material("zirconia", "zirconia, ceramic"),
            Material("barium titanate", "ceramic, ferroelectric, titanate"),
            Material("hydroxyapatite", "ceramic, biomaterial, calcium phosphate"),
            Material("a superconducting ceramic", "ceramic, superconductor, oxide"),
        ),
        ("sem",),
        ("Pressed powder, sintered.",),
    ),
    Kind(
        "foam",
        draw.foam,
        ("a cellular structure", "a foam", "open cells and cell walls"),
        (
            Material("aluminium foam", "aluminium foam, aluminium, foam, metal, porosity"),
            Material("polyurethane foam", "foam, polymer, porosity"),
            Material("bread or another food foam", "foam, food"),
            Material("a ceramic foam", "foam, ceramic, porosity"),
            Material("cancellous bone", "bone, biomaterial, cellular solid"),
        ),
        ("optical", "sem"),
        ("Bubbles of gas left the cells.",),
    ),
    Kind(
        "wood",
        draw.wood,
        ("wood cells", "the cell structure of wood", "a natural cellular material"),
        (
            Material("pine", "wood, natural material, cellular solid, polymer", "brown"),
            Material("oak", "wood, natural material, cellular solid, polymer", "brown"),
            Material("balsa", "wood, natural material, cellular solid, polymer", "brown"),
        ),
        ("transmitted", "sem", "optical"),
        (),
    ),
    Kind(
        "aggregate",
        draw.concrete,
        ("aggregate in a paste", "fragments in a fine matrix", "a coarse heterogeneous structure"),
        (
            Material("concrete", "concrete, cement, ceramic, composite material"),
            Material("slag", "slag, oxide, ceramic, archaeometallurgy"),
            Material("a rock", "mineral, rock, natural material"),
            Material("a fireclay brick", "brick, refractory, ceramic"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "powder",
        draw.powder,
        ("powder particles", "spherical powder", "loose particles"),
        (
            Material("gas-atomised steel powder", "powder, steel, alloy, metal"),
            Material("aluminium powder", "powder, aluminium, metal"),
            Material("ceramic powder", "powder, ceramic"),
            Material("polymer spheres", "powder, polymer, latex"),
            Material("titanium powder", "powder, titanium, metal"),
        ),
        ("sem",),
        ("Feedstock for sintering or additive manufacturing.",),
    ),
    Kind(
        "layers",
        draw.layers,
        (
            "a coating in cross-section",
            "layers on a substrate",
            "a coated surface",
            "an interface between layers",
        ),
        (
            Material("galvanised steel", "zinc, steel, iron, coating, metal"),
            Material("a thermal barrier coating", "coating, ceramic, zirconia, superalloy, nickel"),
            Material("an oxide scale on metal", "oxide, corrosion, metal"),
            Material("nickel plating on copper", "nickel, copper, coating, metal", "copper"),
            Material(
                "a soldered joint with intermetallic layers",
                "solder, tin, copper, intermetallic, alloy, metal",
            ),
            Material("a semiconductor device", "semiconductor, silicon, thin film"),
            Material("tinplate", "tin, steel, coating, metal"),
        ),
        ("optical", "sem"),
        (),
    ),
    Kind(
        "thermal spray",
        draw.splats,
        ("a thermally sprayed coating", "flattened splats"),
        (
            Material("a plasma-sprayed ceramic", "coating, ceramic, alumina, plasma spray"),
            Material("a sprayed nickel alloy", "coating, nickel, alloy, metal"),
        ),
        ("sem", "optical"),
        (),
    ),
    Kind(
        "rough surface",
        draw.scale,
        ("a rough surface", "a corroded surface", "surface topography"),
        (
            Material("a corroded metal", "corrosion, oxide, metal"),
            Material("a cement paste", "cement, concrete, ceramic"),
            Material("a polymer surface", "polymer"),
            Material("a food product", "food"),
            Material("a thin film", "thin film, ceramic"),
        ),
        ("sem",),
        (),
    ),
)
