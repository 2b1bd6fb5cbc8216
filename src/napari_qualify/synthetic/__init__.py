"""Rendered micrographs with known phases, captions and verdicts."""
