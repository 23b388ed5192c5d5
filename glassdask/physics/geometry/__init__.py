"""Geometry of periodic configurations: pairs, Delaunay triangulation, Voronoi cells."""
