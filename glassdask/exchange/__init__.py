"""Import configurations from arrays and files; export particles with their indicators."""
