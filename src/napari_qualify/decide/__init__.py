"""Similarities, scores, rules, cuts, verdicts and their evidence."""
