"""How teachers are loaded and run: one set of options for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TeacherOptions:
    """Options of ``load_teacher``; each teacher reads those that concern it.

    device: "auto", "cpu", "cuda" or "cuda:N". dtype: "auto" (bfloat16 on a GPU, float32 on a CPU),
    "float32", "bfloat16" or "float16". segmenter: Hub id, folder or .pth file of the SAM half; None
    takes the teacher's default. attn_implementation: of transformers; None takes SDPA. four_bit: load
    the language model in 4 bit (extra ``quantized``). max_pixels: images are shrunk to at most so many
    before the VLM sees them; None takes the model's own limit. batch_size: views in one forward pass.
    views_kept: image encodings kept for the next instruction. base_url, model: of an OpenAI-compatible
    endpoint. coordinates: what that model answers in, "relative" (0 to 1000), "absolute" (pixels of the
    image that is sent) or "auto" (relative, but for models named Qwen2.5-VL). concurrency: requests in
    flight. timeout_s: for one request. retries: after the first try.
    phrases: who turns instructions into noun phrases for SAM 3: None for our own extraction, else a
    text model's Hub id or folder. clip: Hub id or folder of LISA's CLIP tower; None takes the default.
    allow_download: fetch missing weights from the Hub. trust_remote_code: run code that comes with a checkpoint.
    """

    device: str = "auto"
    dtype: str = "auto"
    segmenter: str | None = None
    attn_implementation: str | None = None
    four_bit: bool = False
    max_pixels: int | None = None
    batch_size: int = 4
    views_kept: int = 64
    base_url: str | None = None
    model: str | None = None
    coordinates: str = "auto"
    concurrency: int = 8
    timeout_s: float = 60.0
    retries: int = 3
    phrases: str | None = None
    clip: str | None = None
    allow_download: bool = False
    trust_remote_code: bool = False
