"""The order in which points are inserted into a triangulation."""

from __future__ import annotations

import numpy as np

from glassdask.physics.compiled import compiled


def insertion_order(points: np.ndarray) -> np.ndarray:
    """Order of insertion: rounds of random points, each twice as large, along a Hilbert curve.

    N. Amenta, S. Choi and G. Rote, Proc. Symp. Comput. Geom. 19, 211 (2003). With a single curve
    through all points, large simplices would remain until the end, with several images of one
    particle at their corners.
    """
    count, d = points.shape
    low = points.min(axis=0)
    side = max(float((points.max(axis=0) - low).max()), np.finfo(float).tiny)
    bits = max(1, int(np.ceil(np.log2(count) / d)) + 1)
    cells = np.minimum((points - low) * (2**bits / side), 2**bits - 1).astype(np.int64)
    turn = np.random.default_rng(count).permutation(count)
    return np.lexsort((_along_hilbert(cells, bits), np.log2(turn + 1).astype(np.int64)))


@compiled()
def _along_hilbert(cells, bits):  # type: ignore[no-untyped-def]
    """Positions of cells on a Hilbert curve; J. Skilling, AIP Conf. Proc. 707, 381 (2004)."""
    count, d = cells.shape
    places = np.empty(count, np.int64)
    x = np.empty(d, np.int64)
    for row in range(count):
        x[:] = cells[row]
        q = 1 << (bits - 1)
        while q > 1:
            for axis in range(d):
                if x[axis] & q:
                    x[0] ^= q - 1
                else:
                    swap = (x[0] ^ x[axis]) & (q - 1)
                    x[0] ^= swap
                    x[axis] ^= swap
            q >>= 1
        for axis in range(1, d):
            x[axis] ^= x[axis - 1]
        flip = 0
        q = 1 << (bits - 1)
        while q > 1:
            if x[d - 1] & q:
                flip ^= q - 1
            q >>= 1
        place = 0
        for bit in range(bits - 1, -1, -1):
            for axis in range(d):
                place = 2 * place + (((x[axis] ^ flip) >> bit) & 1)
        places[row] = place
    return places
