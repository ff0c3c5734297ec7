"""Back-captions: what an image-to-text model writes about pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Captioner:
    """Writes captions of pictures by beam search.

    Source: captions as training data: Li et al. 2022, BLIP, https://arxiv.org/abs/2201.12086 (sec. 3.3, CapFilt, the
    captioner without the filter).

    Args:
        network: a model of `transformers` with ``generate(pixel_values=...)``: vision-encoder-decoder, BLIP, GIT, ...
        processor: its image processor.
        tokenizer: its tokeniser.
        captions: of each picture.
        beams: of the search, at least ``captions``.
        max_tokens: longer captions are cut.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(
        self,
        network: Any,  # noqa: ANN401 - classes of transformers with generate share no public base
        processor: Any,  # noqa: ANN401 - the same
        tokenizer: Any,  # noqa: ANN401 - the same
        captions: int = 1,
        beams: int = 4,
        max_tokens: int = 32,
    ) -> None:
        if not 1 <= captions <= beams or max_tokens < 1:
            raise ValueError(
                f"need 1 <= captions <= beams and max_tokens >= 1, got {captions}, {beams} and {max_tokens}"
            )
        self.network, self.processor, self.tokenizer = network.eval(), processor, tokenizer
        self.captions, self.beams, self.max_tokens = captions, beams, max_tokens

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[np.ndarray]) -> list[list[str]]:
        """Return the captions of each picture, the likeliest first, without repetition; empty ones are left out.

        Args:
            pictures: (3, H, W) uint8 RGB each.
        """
        pixels = self.processor(images=list(pictures), return_tensors="pt", input_data_format="channels_first")
        numbers = self.network.generate(
            pixel_values=pixels["pixel_values"].to(self.network.device),
            num_beams=self.beams,
            num_return_sequences=self.captions,
            max_new_tokens=self.max_tokens,
            do_sample=False,
        )
        texts = [" ".join(text.split()) for text in self.tokenizer.batch_decode(numbers, skip_special_tokens=True)]
        grouped = [texts[i : i + self.captions] for i in range(0, len(texts), self.captions)]
        return [list(dict.fromkeys(text for text in several if text)) for several in grouped]
