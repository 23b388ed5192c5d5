"""The network: training and Grad-CAM. Nothing is imported here, since torch is slow to load."""
