"""Repeat `train` and `explain` with other settings, and compare the correlations."""
