"""In and out: configurations from arrays and files, particles with their indicators to files."""
