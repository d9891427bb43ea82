"""Names and shapes of all tensors of real LISA repositories.

``LISA_7B`` was compared with the published index of LISA-7B-v1 (``pytorch_model.bin.index.json``; LLaVA-Lightning-7B
with SAM ViT-H, 923 tensors, no CLIP tower): ``INDEX_7B_SHA256`` is the digest of its sorted names, so the list here is
that one or the test fails, and the shapes add up to the ``total_size`` that it states. No index of a 13B repository was
at hand: ``LISA_13B`` has the same names with the depth and widths of Llama-13B.
"""

from __future__ import annotations

from dataclasses import dataclass

INDEX_7B_SHA256 = "6db7ff5379061a0c815d8c0b508639d35d0651a8dc5113ebd3a2a76be9e6080f"
INDEX_7B_BYTES = 16120985792

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Llama:
    """Sizes of the language model."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    vocabulary: int


LISA_7B = Llama(4096, 11008, 32, 32, 32004)
LISA_13B = Llama(5120, 13824, 40, 40, 32004)


def config_of(llama: Llama) -> dict:
    """What config.json of such a checkpoint says, as far as it is read."""
    return {
        "architectures": ["LISAForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": llama.hidden,
        "intermediate_size": llama.mlp,
        "max_position_embeddings": 2048,
        "mm_hidden_size": 1024,
        "mm_use_im_start_end": True,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-large-patch14",
        "model_type": "llava",
        "num_attention_heads": llama.heads,
        "num_hidden_layers": llama.layers,
        "num_key_value_heads": llama.heads,
        "out_dim": 256,
        "pad_token_id": 0,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "vision_tower": "openai/clip-vit-large-patch14",
        "vocab_size": llama.vocabulary,
    }


def lisa_shapes(llama: Llama) -> Shapes:
    """Shapes by name of a whole checkpoint."""
    shapes = {**_language(llama), **_linear("model.mm_projector", 1024, llama.hidden)}
    shapes |= _linear("model.text_hidden_fcs.0.0", llama.hidden, llama.hidden)
    shapes |= _linear("model.text_hidden_fcs.0.2", llama.hidden, 256)
    return shapes | {f"model.visual_model.{name}": shape for name, shape in sam_vit_h_shapes().items()}


def sam_vit_h_shapes() -> Shapes:
    """SAM ViT-H as the original code names it."""
    return {**_image_encoder(), **_prompt_encoder(), **_mask_decoder()}


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _language(llama: Llama) -> Shapes:
    width = llama.hidden
    shapes: Shapes = {
        "model.embed_tokens.weight": (llama.vocabulary, width),
        "model.norm.weight": (width,),
        "lm_head.weight": (llama.vocabulary, width),
    }
    for i in range(llama.layers):
        layer = f"model.layers.{i}"
        shapes |= {f"{layer}.self_attn.{p}_proj.weight": (width, width) for p in "qkvo"}
        shapes |= {f"{layer}.mlp.{p}_proj.weight": (llama.mlp, width) for p in ("gate", "up")}
        shapes |= {f"{layer}.{norm}_layernorm.weight": (width,) for norm in ("input", "post_attention")}
        shapes[f"{layer}.mlp.down_proj.weight"] = (width, llama.mlp)
        shapes[f"{layer}.self_attn.rotary_emb.inv_freq"] = (width // llama.heads // 2,)
    return shapes


def _image_encoder(width: int = 1280, depth: int = 32, heads: int = 16, out: int = 256) -> Shapes:
    shapes: Shapes = {
        "image_encoder.pos_embed": (1, 64, 64, width),
        "image_encoder.patch_embed.proj.weight": (width, 3, 16, 16),
        "image_encoder.patch_embed.proj.bias": (width,),
        "image_encoder.neck.0.weight": (out, width, 1, 1),
        "image_encoder.neck.2.weight": (out, out, 3, 3),
        **_norm("image_encoder.neck.1", out),
        **_norm("image_encoder.neck.3", out),
    }
    for i in range(depth):
        block = f"image_encoder.blocks.{i}"
        rows = 2 * (64 if i in (7, 15, 23, 31) else 14) - 1
        shapes |= {**_norm(f"{block}.norm1", width), **_norm(f"{block}.norm2", width)}
        shapes |= _linear(f"{block}.attn.qkv", width, 3 * width) | _linear(f"{block}.attn.proj", width, width)
        shapes |= {f"{block}.attn.rel_pos_{axis}": (rows, width // heads) for axis in "hw"}
        shapes |= _linear(f"{block}.mlp.lin1", width, 4 * width) | _linear(f"{block}.mlp.lin2", 4 * width, width)
    return shapes


def _prompt_encoder() -> Shapes:
    shapes: Shapes = {
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 128),
        "prompt_encoder.not_a_point_embed.weight": (1, 256),
        "prompt_encoder.no_mask_embed.weight": (1, 256),
        "prompt_encoder.mask_downscaling.0.weight": (4, 1, 2, 2),
        "prompt_encoder.mask_downscaling.0.bias": (4,),
        "prompt_encoder.mask_downscaling.3.weight": (16, 4, 2, 2),
        "prompt_encoder.mask_downscaling.3.bias": (16,),
        "prompt_encoder.mask_downscaling.6.weight": (256, 16, 1, 1),
        "prompt_encoder.mask_downscaling.6.bias": (256,),
    }
    shapes |= {f"prompt_encoder.point_embeddings.{i}.weight": (1, 256) for i in range(4)}
    return shapes | _norm("prompt_encoder.mask_downscaling.1", 4) | _norm("prompt_encoder.mask_downscaling.4", 16)


def _attention(name: str, inner: int) -> Shapes:
    shapes = {key: shape for p in "qkv" for key, shape in _linear(f"{name}.{p}_proj", 256, inner).items()}
    return shapes | _linear(f"{name}.out_proj", inner, 256)


def _mask_decoder() -> Shapes:
    decoder, transformer = "mask_decoder", "mask_decoder.transformer"
    shapes: Shapes = {
        f"{decoder}.iou_token.weight": (1, 256),
        f"{decoder}.mask_tokens.weight": (4, 256),
        f"{decoder}.output_upscaling.0.weight": (256, 64, 2, 2),
        f"{decoder}.output_upscaling.0.bias": (64,),
        f"{decoder}.output_upscaling.3.weight": (64, 32, 2, 2),
        f"{decoder}.output_upscaling.3.bias": (32,),
        **_norm(f"{decoder}.output_upscaling.1", 64),
        **_norm(f"{transformer}.norm_final_attn", 256),
        **_attention(f"{transformer}.final_attn_token_to_image", 128),
    }
    for i in range(2):
        layer = f"{transformer}.layers.{i}"
        shapes |= _attention(f"{layer}.self_attn", 256)
        shapes |= _attention(f"{layer}.cross_attn_token_to_image", 128)
        shapes |= _attention(f"{layer}.cross_attn_image_to_token", 128)
        shapes |= _linear(f"{layer}.mlp.lin1", 256, 2048) | _linear(f"{layer}.mlp.lin2", 2048, 256)
        for k in range(1, 5):
            shapes |= _norm(f"{layer}.norm{k}", 256)
    heads = {**{f"output_hypernetworks_mlps.{i}": 32 for i in range(4)}, "iou_prediction_head": 4}
    for head, out in heads.items():
        for k, width in enumerate((256, 256, out)):
            shapes |= _linear(f"{decoder}.{head}.layers.{k}", 256, width)
    return shapes
