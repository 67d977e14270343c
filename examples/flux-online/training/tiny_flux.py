"""FLUX in small: the real classes of diffusers and transformers, built from their configurations, with no download."""

from __future__ import annotations

import json

from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

WIDTH = 64  # of both text encoders
LATENTS = 8  # latent channels; the transformer sees 2 x 2 of them at a time


def build(words: list[str], size: int) -> FluxPipeline:
    """Builds an untrained pipeline for size x size pictures whose tokenizers know `words` whole, others by letters."""
    tokenizer, tokenizer_2 = clip_tokenizer(words), t5_tokenizer(words)
    return FluxPipeline(
        tokenizer=tokenizer,
        text_encoder=clip_encoder(tokenizer),
        tokenizer_2=tokenizer_2,
        text_encoder_2=t5_encoder(tokenizer_2),
        transformer=transformer(),
        vae=autoencoder(size),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
    )


def clip_tokenizer(words: list[str]) -> CLIPTokenizer:
    """A byte-pair tokenizer as CLIP's: every byte is a token, inside a word and at its end, and so is every word."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.train_from_iterator(
        words, trainers.BpeTrainer(vocab_size=10_000, initial_alphabet=alphabet, end_of_word_suffix="</w>")
    )
    learned = json.loads(learner.to_str())["model"]
    tokens = ["<|startoftext|>", "<|endoftext|>", *learned["vocab"], *(byte + "</w>" for byte in alphabet)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=[tuple(pair) for pair in learned["merges"]], model_max_length=77)


def t5_tokenizer(words: list[str]) -> T5TokenizerFast:
    """A unigram tokenizer as T5's: one piece for every word, and dearer ones for single letters."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -20.0) for letter in "▁abcdefghijklmnopqrstuvwxyz0123456789.,-'"]
    pieces = special + [("▁" + word, -2.0) for word in words] + letters
    return T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=32)


def clip_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def t5_encoder(tokenizer: T5TokenizerFast) -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=WIDTH,
            d_kv=16,
            d_ff=2 * WIDTH,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def transformer() -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * LATENTS,
        num_layers=2,
        num_single_layers=4,
        attention_head_dim=32,
        num_attention_heads=4,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(8, 12, 12),
    )


def autoencoder(size: int) -> AutoencoderKL:
    """8 x 8 pixels to one latent. One norm group: more would take each channel's mean away, and with it the colour."""
    channels = (8, 16, 32, 32)
    return AutoencoderKL(
        sample_size=size,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        block_out_channels=channels,
        layers_per_block=1,
        norm_num_groups=1,
        latent_channels=LATENTS,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0,
        scaling_factor=1.0,
    )
