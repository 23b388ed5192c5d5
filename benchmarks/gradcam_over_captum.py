"""Time of captum's LayerGradCam over ours, with the same network, images, device and threads.

The network is that of the preset `quick`, untrained, since the time does not depend on its weights.
Images have N random particles. Both start from images as in the store and end with maps.
"""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import LayerGradCam
from common import arguments, campaign, say_best, take_turns

from glassdask.network.explanations import explain_images
from glassdask.network.network import build_network
from glassdask.physics.images import grid_density_array


def images_of(made, count: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    random, particles = np.random.default_rng(1), made.file.system.particles
    shape = (count, particles, made.model.dimension)
    species = made.model.species_of_particles(particles)
    return np.stack(
        [
            grid_density_array(position, made.box_length, species, 2, made.cells)
            for position in random.uniform(0, made.box_length, shape)
        ]
    )


def main() -> None:
    options = arguments(
        __doc__,
        particles=(int, 2000, "particles"),
        batch=(int, 16, "images"),
        threads=(int, 1, "threads of torch"),
        repeats=(int, 15, "pairs of calls"),
    )
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    made = campaign("kam", f"system.particles={options.particles}")
    network = build_network(made.file.train, made.model.dimension, 2, made.cells).eval()
    images = images_of(made, options.batch)
    network.standardise(torch.from_numpy(images))
    target = np.arange(options.batch) % 2
    print(f"  {options.batch} images of {made.cells} cells a side, threads: {options.threads}")
    for layer in (-1, 0):
        peer = LayerGradCam(network, network.activations[layer])

        def ours(layer: int = layer) -> np.ndarray:
            return explain_images(network, images, target, layer=layer, batch_size=options.batch)[0]

        def theirs(peer: LayerGradCam = peer) -> np.ndarray:
            inputs = torch.from_numpy(images).float()
            maps = peer.attribute(inputs, torch.from_numpy(target), relu_attributions=True)
            return maps[:, 0].detach().numpy()

        error = np.abs(ours() - theirs()).max() / theirs().max()
        print(f"  layer {layer}: maps differ by at most {error:.1e} of the largest value")
        seconds = take_turns(options.repeats, ours, theirs)
        what = f"captum's LayerGradCam over ours, layer {layer}"
        say_best(what, seconds[:, 1], seconds[:, 0], at_least=1.0)


if __name__ == "__main__":
    main()
