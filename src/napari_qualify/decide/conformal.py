"""Class-conditional conformal p-values, and the one function that decides.

Source: cross-conformal prediction, Vovk, Ann. Math. Artif. Intell. 74 (2015)
9, with a p-value per class (Mondrian). If judged and reference groups of a
class are exchangeable, the share of wrong verdicts in that class is near the
risk in practice and at most about twice the risk.
"""

import math

import numpy as np

from napari_qualify.decide.rules import Floats
from napari_qualify.decide.verdict import Decision, Reason

_TIE = 1e-9


def p_value(calibration: Floats, margins: Floats, *, of_accepted: bool) -> Floats:
    """Conformal p-values of judged samples for one side.

    Parameters
    ----------
    calibration : ndarray of float, shape (k,)
        Margin of each reference group of the side under the model without its
        own fold; NaN where there is none.
    margins : ndarray of float, shape (m, k)
        Margin of each judged sample under those same models.
    of_accepted : bool
        The accepted side: low margins are strange. Else high ones are.

    Returns
    -------
    ndarray of float, shape (m,)
        ``(1 + number of groups at least as strange) / (k + 1)``.
    """
    known = np.isfinite(calibration)
    reference, judged = calibration[known][None, :], margins[:, known]
    # A difference in the last digits is a tie, and a tie counts as strange: the safe side.
    slack = _TIE * np.maximum(1.0, np.abs(reference))
    stranger = reference <= judged + slack if of_accepted else reference >= judged - slack
    return np.asarray((1 + stranger.sum(axis=1)) / (known.sum() + 1))


def groups_needed(risk: float) -> int:
    """Fewest groups on a side with which a p-value can reach `risk`.

    ``1 / (n + 1) <= risk``: 9 groups for a risk of 0.1, 19 for 0.05.
    """
    return math.ceil(round(1 / risk, 9)) - 1


def decide(
    p_accept: float | None, p_reject: float | None, risk_accept: float, risk_reject: float
) -> Decision:
    """Accept, review or reject from the p-values and the risks; nothing else counts.

    Parameters
    ----------
    p_accept, p_reject : float or None
        p-values of "this is an accepted one" and "this is a rejected one";
        None for a side without references.
    risk_accept : float
        Largest tolerated share of truly rejected samples that are accepted.
    risk_reject : float
        Largest tolerated share of truly accepted samples that are rejected.
    """
    not_rejected = p_reject is not None and p_reject <= risk_accept
    not_accepted = p_accept is not None and p_accept <= risk_reject
    if not_rejected and not not_accepted:
        return "accept"
    if not_accepted and not not_rejected:
        return "reject"
    return "review"


def reason_for_review(
    p_accept: float | None,
    p_reject: float | None,
    risk_accept: float,
    risk_reject: float,
    *,
    too_few: bool,
    unlike: bool,
) -> Reason:
    """Why the decision is a review.

    Parameters
    ----------
    too_few : bool
        A side has too few reference groups for its risk, so that some verdict
        could not have been reached.
    unlike : bool
        The sample lies far from every reference.
    """
    if unlike:
        return "unlike_references"
    not_rejected = p_reject is not None and p_reject <= risk_accept
    not_accepted = p_accept is not None and p_accept <= risk_reject
    if not_rejected and not_accepted:
        return "neither"
    return "too_few_references" if too_few else "both_possible"
