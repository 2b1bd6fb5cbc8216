"""What an expert might write about a micrograph of known parameters."""

import numpy as np

from napari_qualify.synthetic.parameters import CRITERIA, Parameters

# What the expert states once per criterion.
STATEMENTS: dict[str, dict[str, list[str]]] = {
    "carbide distribution": {
        "accept": [
            "carbides evenly distributed in the matrix",
            "uniform spacing of the tungsten carbides without clusters",
            "homogeneous dispersion of carbide particles over the whole field",
        ],
        "reject": [
            "carbides clustered, with large carbide-free areas of matrix",
            "agglomerated tungsten carbides that touch each other",
            "uneven distribution, carbides segregated into nests",
        ],
    },
    "carbide degradation": {
        "accept": [
            "intact carbides with clean, sharp edges",
            "tungsten carbides retained, no dissolution at the interface",
        ],
        "reject": [
            "carbides eaten back with a ragged grey dissolution fringe",
            "dissolved tungsten carbides and small re-precipitated particles in the matrix",
            "wide reaction rims round the carbides",
        ],
    },
    "porosity": {
        "accept": [
            "dense deposit without pores",
            "sound matrix with at most a few small isolated pores",
        ],
        "reject": [
            "many dark pores in the matrix",
            "porous deposit with round gas pores or irregular voids",
        ],
    },
}

# Phrases per criterion, from well below the threshold to well above it. The
# bounds are shares of the threshold; 1 separates accepted from rejected.
_PHRASES: dict[str, tuple[tuple[float, tuple[str, ...]], ...]] = {
    "carbide distribution": (
        (
            0.5,
            (
                "Carbides evenly spread over the whole field.",
                "Very uniform dispersion of carbides, no clusters.",
                "Homogeneous carbide distribution with regular spacing.",
            ),
        ),
        (
            1.0,
            (
                "Carbides fairly even, a few neighbours close together.",
                "Distribution acceptable, slight local grouping of carbides.",
                "Mostly uniform dispersion with minor crowding.",
            ),
        ),
        (
            1.5,
            (
                "Carbides bunched together in places, matrix bare elsewhere.",
                "Noticeable clustering of carbides, uneven spacing.",
                "Carbides grouped; carbide-free patches of matrix.",
            ),
        ),
        (
            np.inf,
            (
                "Carbides heavily clustered, large matrix areas without reinforcement.",
                "Strong agglomeration: carbides touch each other in nests.",
                "Severe segregation of carbides into clusters.",
            ),
        ),
    ),
    "carbide degradation": (
        (
            0.5,
            (
                "Carbides intact with clean, sharp edges.",
                "No dissolution to speak of, carbide outlines crisp.",
                "Carbides retained as fed, interface clean.",
            ),
        ),
        (
            1.0,
            (
                "Thin reaction rim round the carbides, cores sound.",
                "Slight dissolution at the carbide edges, tolerable.",
                "Minor fringe at the interface, carbides largely retained.",
            ),
        ),
        (
            1.5,
            (
                "Carbides eaten back with a ragged grey fringe.",
                "Clear dissolution rims, secondary carbides in the matrix.",
                "Carbide edges attacked, reaction zone all round.",
            ),
        ),
        (
            np.inf,
            (
                "Carbides badly dissolved, thick rims and many small re-precipitated particles.",
                "Severe degradation: little of the original carbide is left inside wide fringes.",
                "Heavy dissolution of the tungsten carbides, overheated deposit.",
            ),
        ),
    ),
    "porosity": (
        (
            0.5,
            (
                "Practically free of pores.",
                "Dense deposit, at most an isolated small pore.",
                "Sound matrix, no porosity worth mentioning.",
            ),
        ),
        (
            1.0,
            (
                "A few small pores, within the limit.",
                "Scattered fine pores, still acceptable.",
                "Little porosity, isolated pores only.",
            ),
        ),
        (
            1.5,
            (
                "Too many pores scattered over the field.",
                "Noticeable porosity in the matrix.",
                "Dark pores throughout, above what we allow.",
            ),
        ),
        (
            np.inf,
            (
                "Severely porous, dark voids everywhere.",
                "Heavy porosity, the deposit is not dense.",
                "Matrix riddled with pores.",
            ),
        ),
    ),
}


def describe(p: Parameters, criterion: str, seed: int) -> str:
    """One sentence on one criterion.

    Parameters
    ----------
    p : Parameters
    criterion : str
        A key of `CRITERIA`.
    seed : int
        Chooses among phrases of the same meaning.
    """
    rule = CRITERIA[criterion]
    share = getattr(p, rule.parameter) / rule.threshold
    rng = np.random.default_rng([seed, 100 + list(CRITERIA).index(criterion)])
    for bound, phrases in _PHRASES[criterion]:
        if share <= bound:
            return str(rng.choice(phrases))
    raise AssertionError("the last bound is infinite")


def caption(p: Parameters, seed: int) -> str:
    """What is shown, then a sentence on each criterion, in varied order."""
    rng = np.random.default_rng([seed, 99])
    shape = (
        "angular tungsten carbides"
        if p.spherical_share < 0.25
        else "spherical cast tungsten carbides"
        if p.spherical_share > 0.75
        else "round and blocky tungsten carbides"
    )
    opening = str(
        rng.choice(
            [
                f"Ni-WC overlay with {shape}.",
                f"Nickel matrix composite, {shape}.",
                f"Laser-deposited Ni-WC, {shape} in a cellular nickel matrix.",
            ]
        )
    )
    sentences = [describe(p, name, seed) for name in CRITERIA]
    rng.shuffle(sentences)
    if p.cracks:
        sentences.append("One crack." if p.cracks == 1 else f"{p.cracks} cracks.")
    return " ".join([opening, *sentences])
