"""The network: training and explanations. Nothing is imported here, since torch is slow to load."""
