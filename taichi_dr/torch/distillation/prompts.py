"""Embeddings of prompts: of each once."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from taichi_dr.errors import InputError
from taichi_dr.torch.distillation.checks import require

LONGEST = 77
"""Tokens of a prompt, as CLIP was trained and as DeepFloyd IF cuts those of T5, which has no end of its own."""


class Prompts:
    """``prompts(["a red torus", ""]) -> (B, L, D)``: the text encoder's last states, padded to L tokens.

    Arguments:
        text_encoder: a constructed CLIPTextModel or T5EncoderModel of transformers, or what answers as they do.
        tokenizer: that which belongs to it.

    Raises:
        InputError: an object that lacks what is asked of it (named).
    """

    def __init__(self, text_encoder: Any, tokenizer: Any) -> None:
        require("text_encoder", text_encoder, "config", "device")
        require("tokenizer", tokenizer, "__call__", "model_max_length")
        self._encoder, self._tokenizer = text_encoder, tokenizer
        self.length = min(LONGEST, tokenizer.model_max_length)
        config = text_encoder.config
        self._masked = getattr(config, "use_attention_mask", False) or "t5" in getattr(config, "model_type", "")
        self._kept: dict[str, torch.Tensor] = {}

    def __call__(self, prompts: Sequence[str]) -> torch.Tensor:
        """(B, L, D) of B prompts, without a graph; those that were never asked for go through the encoder together.

        Warns of a prompt that is cut after L tokens.
        """
        unknown = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._kept]
        if unknown:
            self._kept.update(zip(unknown, self._encode(unknown), strict=True))
        return torch.stack([self._kept[prompt] for prompt in prompts])

    @torch.no_grad()
    def _encode(self, prompts):
        for prompt in prompts:
            self._warn_of_length(prompt)
        tokens = self._tokenizer(
            prompts, padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
        )
        device = self._encoder.device
        mask = tokens.attention_mask.to(device) if self._masked else None
        return self._encoder(tokens.input_ids.to(device), attention_mask=mask)[0]

    def _warn_of_length(self, prompt):
        count = len(self._tokenizer(prompt).input_ids)
        if count > self.length:
            warnings.warn(
                f"prompt {prompt[:40]!r}...: {count} tokens, of which the text encoder reads {self.length}: shorten it",
                stacklevel=8,
            )


def check_prompts(condition: Any, count: int) -> list[str]:
    """A prompt for each of ``count`` pictures, of a list of them, of one for all, or of None, which is the empty one.

    Raises:
        InputError: another number of prompts (both), or something that is no prompt.
    """
    if condition is None or isinstance(condition, str):
        return [condition or ""] * count
    prompts = list(condition)
    for prompt in prompts:
        if not isinstance(prompt, str):
            raise InputError(
                f"condition: expected prompts, or a tensor (B, L, D), got {type(prompt).__name__} among {prompts!r:.60}"
            )
    if len(prompts) != count:
        raise InputError(f"condition: expected a prompt for each of {count} pictures, got {len(prompts)} prompts")
    return prompts
