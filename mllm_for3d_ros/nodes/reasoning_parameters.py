"""The parameters of the reasoning node."""

from __future__ import annotations

from mllm_for3d_ros.nodes.image_inputs import IMAGE_PARAMETERS
from mllm_for3d_ros.nodes.model import SHIPPED
from mllm_for3d_ros.nodes.parameters import DURABILITY, RELIABILITY, Change, Parameter

PARAMETERS = (
    Parameter("model", SHIPPED, "The shipped model (student, or empty), or the path of a .safetensors checkpoint"),
    Parameter("device", "auto", "Where the model runs; falls back to cpu and says so", choices=("auto", "cuda", "cpu")),
    Parameter("threads", 1, "CPU threads of the model, and of BLAS", 1, 256),
    Parameter("voxel_size", 0.025, "Edge of the voxels that the model works on, m; the mapper's", 0.005, 1.0),
    Parameter("mask_threshold", 0.0, "Voxel probability of the mask; 0: calibrated", 0.0, 1.0, change=Change.ALWAYS),
    Parameter(
        "presence_threshold", 0.0, "Presence below which there is no target; 0: calibrated", 0.0, 1.0,
        change=Change.ALWAYS,
    ),
    Parameter(
        "default_timeout", 0.0, "Wait of instructions that name no timeout, s; 0: none", 0.0, 3600.0,
        change=Change.ALWAYS,
    ),
    Parameter("queue_size", 32, "Instructions that may wait, and that may be kept", 1, 1000),
    Parameter("map_reliability", "reliable", "QoS reliability of the map", choices=tuple(RELIABILITY)),
    Parameter("map_durability", "transient_local", "QoS of the map", choices=tuple(DURABILITY)),
    Parameter("silent_after", 4.0, "Seconds without any map that are worth a warning", 0.5, 3600.0),
    Parameter("teacher", "", "2D teacher of METHOD_LIFTED, as of mllm-for3d label --teacher; empty: none"),
    Parameter("key_views", 32, "Images that are kept for the teacher", 1, 1000),
    Parameter("lifted_views", 12, "Images that the teacher is asked about at most for an instruction", 1, 1000),
    *IMAGE_PARAMETERS,
)  # fmt: skip
"""Those of the images concern the key views alone: without a teacher nothing is subscribed to."""
