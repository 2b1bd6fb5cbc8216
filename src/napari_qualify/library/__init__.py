"""The library on disk: criteria, references, embeddings, phases, assessments, log."""
