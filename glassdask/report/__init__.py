"""Figures, the table against the paper, and the self-contained page of a campaign."""
