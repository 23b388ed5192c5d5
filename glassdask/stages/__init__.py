"""What each stage does: the campaign folder in, groups of the store or files out."""
