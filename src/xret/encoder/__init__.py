"""Encoders: raw inputs of one modality in, one vector per item out.

Every encoder is an `nn.Module` in a file of its own, chosen by ``encoder/text=<file name>`` or
``encoder/image=<file name>``. It carries::

    modality    "text", "image", ...: the key of its inputs in a batch
    width       D, the size of the vector it gives
    frozen      True when none of its parameters is trained, so that what it gives may be stored
    stores      "vector" or "tokens": what has to be stored so that `forward` can go on from there
    collate     raw items -> tensors: strings for text, (3, H, W) uint8 arrays for images
    forward     tensors -> Encoded; takes raw tensors, or the stored ones under the key "vector" or "tokens"; given
                "vector" with "tokens" and "mask" beside it, it gives all of them back
    embed       text only: tensors -> the input embeddings (B, L, E) of its tokens, which `forward` also takes, as
                "inputs_embeds"
    words       text only: tensors -> (B, L) bool, the tokens that are neither padding nor special
    fingerprint a hash of configuration and weights: equal hashes give equal vectors, or, where another ``runtime``
                runs a frozen network, vectors with a cosine of at least 0.9999
    runtime     image only, and only where there is a choice: "torch", or what else runs the network; chosen by
                `run_in`. Stored features carry its name, so that one entry holds numbers of one runtime

Normalisation of pixels and pooling happen inside. Unit length is the model's business, not the encoder's.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Encoded(NamedTuple):
    """What an encoder gives for B items.

    Attributes:
        vector: (B, D) float, one vector per item, of any length.
        tokens: (B, L, C) float or None, the sequence that was pooled (words, image regions); in half precision where
            they were stored beside the vector.
        mask: (B, L) bool or None, True where `tokens` holds something; None means everywhere.
    """

    vector: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None


def stored(inputs: Mapping[str, Tensor]) -> Encoded:
    """Return what was stored of B items whose vectors are there.

    Args:
        inputs: "vector" (B, D), and where they were stored beside it "tokens" (B, L, C) with their "mask" (B, L) bool.
    """
    return Encoded(inputs["vector"], inputs.get("tokens"), inputs.get("mask"))
