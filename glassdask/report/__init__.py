"""The report of a campaign: numbers, figures, comparison with the paper, and one HTML page."""
