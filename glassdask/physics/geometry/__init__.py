"""Who is whose neighbour, and which cell belongs to whom."""
