"""Detectors: each judges every group of a rule in every bucket of a window. Constructor = parameters."""
