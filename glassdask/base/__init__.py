"""Files, logs, errors, progress and wall time: what every other folder may use."""
