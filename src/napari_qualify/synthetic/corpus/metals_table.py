"""Rows of the corpus: solidified and annealed metals."""

from napari_qualify.synthetic.corpus import metals as draw
from napari_qualify.synthetic.corpus.scene import Kind, Material

_AL_CU = Material("an aluminium-copper alloy", "aluminium, copper, alloy, metal")
_AL_SI = Material("an aluminium-silicon casting alloy", "aluminium, silicon, alloy, metal, casting")
_BRONZE = Material("cast tin bronze", "bronze, copper, tin, alloy, metal, casting", "copper")
_BRASS = Material("brass", "brass, copper, zinc, alloy, metal", "brass")
_CU_NI = Material("a chill-cast copper-nickel alloy", "copper, nickel, alloy, metal", "copper")
_PB_SN = Material("a lead-tin solder", "solder, lead, tin, alloy, metal")
_ZN = Material("a cast zinc alloy", "zinc, alloy, metal, casting")
_NI = Material("a nickel-base superalloy", "nickel, superalloy, alloy, metal")
_STEEL = Material("low-carbon steel", "steel, iron, carbon, ferrite, alloy, metal")
_AUSTENITIC = Material(
    "austenitic stainless steel", "stainless steel, austenite, iron, chromium, nickel, alloy, metal"
)
_COPPER = Material("annealed copper", "copper, metal, annealing", "copper")
_EUTECTOID = Material(
    "eutectoid steel", "steel, iron, carbon, pearlite, ferrite, cementite, alloy, metal"
)
_HYPO = Material(
    "hypoeutectoid steel, normalised", "steel, iron, carbon, ferrite, pearlite, alloy, metal"
)

KINDS = (
    Kind(
        "dendrites",
        draw.dendrites,
        (
            "a dendritic structure",
            "primary dendrites with interdendritic eutectic",
            "tree-like dendrites with secondary arms",
            "dendritic solidification",
        ),
        (
            _AL_CU,
            _AL_SI,
            _BRONZE,
            _CU_NI,
            _PB_SN,
            _ZN,
            _NI,
            Material("white cast iron", "cast iron, iron, carbon, alloy, metal, dendrite"),
        ),
        ("optical", "optical", "sem"),
        (
            "The dendrites grew first, the remaining liquid solidified between the arms.",
            "As cast, the arm spacing follows from the cooling rate.",
        ),
    ),
    Kind(
        "cored dendrites",
        draw.cored,
        (
            "cored dendrites",
            "coring, the composition changes across the dendrite arms",
            "a cellular-dendritic cast structure",
        ),
        (
            _BRONZE,
            _CU_NI,
            _BRASS,
            Material("leaded bronze", "bronze, copper, tin, lead, alloy, metal", "copper"),
            _NI,
        ),
        ("optical",),
        ("Segregation during solidification shows as a change in grey.",),
    ),
    Kind(
        "lamellar eutectic",
        draw.eutectic,
        ("a lamellar eutectic", "alternate lamellae of two phases", "a regular eutectic structure"),
        (
            _AL_CU,
            _PB_SN,
            _ZN,
            Material(
                "a directionally solidified eutectic alloy", "eutectic, alloy, metal, lamella"
            ),
        ),
        ("optical", "sem"),
        ("The two phases grew together from the eutectic liquid.",),
    ),
    Kind(
        "irregular eutectic",
        draw.rod_eutectic,
        ("an irregular eutectic with primary phase", "rounded primary phase in eutectic"),
        (
            _AL_SI,
            _PB_SN,
            _AL_CU,
            Material("a silver-copper alloy", "silver, copper, eutectic, alloy, metal"),
        ),
        ("optical", "sem"),
        ("Primary phase formed above the eutectic temperature.",),
    ),
    Kind(
        "pearlite",
        draw.pearlite,
        ("pearlite", "a fully pearlitic structure", "lamellar pearlite colonies"),
        (
            _EUTECTOID,
            _EUTECTOID,
            Material(
                "hypereutectoid steel", "steel, iron, carbon, cementite, pearlite, alloy, metal"
            ),
        ),
        ("optical", "sem"),
        (
            "Austenite transformed to alternate plates of ferrite and cementite.",
            "Eutectoid transformation on slow cooling.",
        ),
    ),
    Kind(
        "ferrite and pearlite",
        draw.ferrite_pearlite,
        ("ferrite and pearlite", "light ferrite grains and dark pearlite"),
        (
            _HYPO,
            _HYPO,
            Material(
                "a plain carbon steel, 0.4 % carbon",
                "steel, iron, carbon, ferrite, pearlite, alloy, metal",
            ),
        ),
        ("optical",),
        ("Typical of a normalised plain carbon steel.",),
    ),
    Kind(
        "equiaxed grains",
        draw.grains,
        (
            "equiaxed grains",
            "a polycrystalline grain structure",
            "grains and grain boundaries",
            "a recrystallised single-phase structure",
        ),
        (
            _STEEL,
            _AUSTENITIC,
            _COPPER,
            _BRASS,
            Material("pure iron", "iron, ferrite, metal"),
            Material("an aluminium alloy", "aluminium, alloy, metal"),
            _ZN,
            Material("dense alumina, thermally etched", "alumina, ceramic, grain"),
        ),
        ("optical", "optical", "sem"),
        ("Annealed, the grains are free of deformation.",),
    ),
    Kind(
        "annealing twins",
        draw.twins,
        (
            "annealing twins",
            "twinned grains with straight parallel twin bands",
            "equiaxed grains with twins",
        ),
        (_BRASS, _BRASS, _COPPER, _AUSTENITIC, _AUSTENITIC, _BRONZE, _NI),
        ("optical",),
        (
            "Recrystallised after cold work, face-centred cubic metal.",
            "Annealed alpha brass shows such twins.",
        ),
    ),
    Kind(
        "elongated grains",
        draw.deformed,
        ("elongated grains", "a cold-worked grain structure", "flattened grains of rolled sheet"),
        (
            _STEEL,
            _BRASS,
            _COPPER,
            Material("rolled aluminium alloy", "aluminium, alloy, metal, deformation"),
            Material("wrought iron with slag stringers", "iron, slag, metal, deformation"),
        ),
        ("optical",),
        ("Rolled, the deformation has drawn out the grains.",),
    ),
    Kind(
        "columnar grains",
        draw.columnar,
        ("columnar grains", "a columnar grain structure"),
        (
            _ZN,
            _COPPER,
            Material("a cast ingot", "ingot, casting, metal, solidification"),
            _NI,
            Material("a silicon ingot", "silicon, semiconductor"),
        ),
        ("optical", "sem"),
        ("They grew from the mould wall inwards.",),
    ),
    Kind(
        "primary crystals",
        draw.primary_crystals,
        ("faceted primary crystals", "primary silicon", "blocky primary intermetallic"),
        (
            Material(
                "a hypereutectic aluminium-silicon alloy",
                "aluminium, silicon, alloy, metal, hypereutectic",
            ),
            Material("a tin-antimony bearing alloy", "tin, antimony, alloy, metal"),
            Material("a tin-copper alloy", "tin, copper, alloy, metal"),
        ),
        ("optical",),
        ("Hypereutectic, the primary phase formed first.",),
    ),
)
