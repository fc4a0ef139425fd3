"""Neural fields: each of 1,797 images of digits becomes a small network of its own.

A field maps coordinates of a pixel to its brightness.  The images have 8 by 8 pixels; a 2-12-1
network with sine activation is trained on each, from several random starts, in one call: the inputs
are common, each image has targets of its own.  Nothing of a network has to be stored but its
number, from which it is trained again, bit for bit.  A field can be drawn between the pixels, too.

Run it as ``python examples/neural_fields.py --restarts 100``; the default are 5 restarts.  It needs
scikit-learn for its images, and saves the figure ``neural_fields.png`` (or the file named as its
argument): images, their reconstructions, and the fields at ten times the resolution.
"""

import argparse
import time

import numpy as np
from matplotlib.figure import Figure

import fastnn

NET = fastnn.Network([2, 12, 1], ["sine", "identity"])
# Large weights of the coordinates: waves of many lengths.
START = fastnn.Normal(std=fastnn.PerLayer(3, 0.3))
TRAINING = {"optimizer": "lm", "epochs": 100, "init": START}


def digits(count):
    """The first images of scikit-learn's digits, (count, 64), from 0 to 1."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit(
            'the images need scikit-learn: pip install -e ".[sklearn]" in the folder of fastnn'
        ) from None
    return load_digits().data[:count] / 16


def coordinates(side):
    """The centres (side * side, 2) of pixels in the square from -1 to 1."""
    middles = (np.arange(side) + 0.5) / side * 2 - 1
    return np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)


def train(images, restarts):
    """Train the fields of all images; returns the runs."""
    targets = images[:, :, np.newaxis]  # (images, pixels, 1)
    return fastnn.train_many(NET, coordinates(8), targets, restarts=restarts, **TRAINING)


def again(images, runs, k):
    """Train restart k again from its number alone."""
    image, restart = divmod(k, len(runs) // len(images))
    return fastnn.train(NET, coordinates(8), images[image], restart=restart, **TRAINING)


def draw(images, models):
    """Draw the first images, their reconstructions and the fields; returns a figure."""
    figure = Figure(figsize=(10, 3.3), layout="constrained")
    rows = figure.subplots(3, min(10, len(images)), squeeze=False)
    for i, column in enumerate(rows.T):
        pictures = [images[i], *(models[i].evaluate(coordinates(n)) for n in (8, 80))]
        for ax, values in zip(column, pictures, strict=True):
            side = round(np.sqrt(values.size))
            ax.imshow(values.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
    for ax, name in zip(rows[:, 0], ("image", "network", "80 x 80"), strict=True):
        ax.set_ylabel(name)
    return figure


def main():
    """Train, check and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="neural_fields.png")
    parser.add_argument("--images", type=int, default=1797, help="default %(default)s")
    parser.add_argument("--restarts", type=int, default=5, help="of each, default %(default)s")
    options = parser.parse_args()

    images = digits(options.images)
    train(images[:2], 1)  # compiles at its first use
    begin = time.perf_counter()
    runs = train(images, options.restarts)
    seconds = time.perf_counter() - begin
    print(
        f"{len(images):,} images, {len(runs):,} networks of {NET.n_parameters} parameters: "
        f"{seconds:.1f} s, {len(images) / seconds:,.0f} images per second"
    )
    errors = np.sqrt(runs.by_group().loss / 64)
    print(f"error of a pixel: {np.median(errors):.4f} (median image), {errors.max():.4f} (worst)")
    best = runs.best_of_groups()
    same = [
        np.array_equal(again(images, runs, k).parameters, runs.parameters[k]) for k in best[:10]
    ]
    print(f"trained again from numbers {best[:3].tolist()} …: {sum(same)} of {len(same)} equal")
    draw(images, runs.models()).savefig(options.figure, dpi=100)
    print(f"saved {options.figure}")


if __name__ == "__main__":
    main()
