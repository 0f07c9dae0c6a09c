"""How models are measured: scores, poses, edits and probes, with intervals, as tables."""
