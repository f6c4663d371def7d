"""Thumbnails of a folder of images, made on your nodes.

    python examples/thumbnails.py ~/Pictures thumbnails

The files are read and written here. Their bytes go to the nodes, and thumbnails come back, while a
bar shows how many there are; a node sees no file, neither yours nor its own. This machine needs no
Pillow. Each node needs it (`pip install pillow`), and its owner has to grant it to you, once:

    pye2 node allow ADDRESS --module PIL        # on the node; `pye2 key show` here has the ADDRESS
"""

import argparse
from pathlib import Path

from pye2core import Session, remote

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

# Pillow loads these when it first meets such an image, which is too late: code on a node is
# confined by then. So they are asked for; they are a part of PIL, and need no grant of their own.
FORMATS = [f"PIL.{name}ImagePlugin" for name in ("Jpeg", "Png", "WebP", "Tiff")]


@remote(grants={"modules": FORMATS}, timeout=60)
def thumbnail(name, content, side):
    """An image's bytes as those of a JPEG that fits into a square, upright."""
    from io import BytesIO

    from PIL import Image, ImageOps

    try:
        image = Image.open(BytesIO(content))
        image.draft("RGB", (2 * side, 2 * side))  # reads no more of a large JPEG than it takes
        upright = ImageOps.exif_transpose(image).convert("RGB")  # cameras do not turn it
    except OSError as error:
        print(f"{name}: {error}")
        return None
    upright.thumbnail((side, side))
    small = BytesIO()
    upright.save(small, "JPEG", quality=85)
    return small.getvalue()


def main():
    """Read a folder, have its images made small, write them to another."""
    arguments = argparse.ArgumentParser(description="thumbnails of a folder of images")
    arguments.add_argument("folder", type=Path, help="where the images are")
    arguments.add_argument("into", type=Path, help="where the thumbnails go")
    arguments.add_argument("--side", type=int, default=256, help="pixels of the longer side")
    given = arguments.parse_args()

    images = sorted(each for each in given.folder.iterdir() if each.suffix.lower() in SUFFIXES)
    names = [each.name for each in images]
    contents = (each.read_bytes() for each in images)  # each when it is about to go
    sides = [given.side] * len(images)
    given.into.mkdir(parents=True, exist_ok=True)
    unreadable = []
    with Session(silent=True) as session:  # the broker is in PYE2_BROKER, or in .env
        made = session.map(thumbnail, names, contents, sides, progress=True)
        for name, small in zip(names, made, strict=True):
            if small is None:
                unreadable.append(name)
            else:
                (given.into / f"{name}.jpg").write_bytes(small)
    print(f"{len(names) - len(unreadable)} thumbnails in {given.into}")
    for name in unreadable:
        print(f"{name} could not be read")


if __name__ == "__main__":
    main()
