"""What the recipes for features of a frozen backbone change in those for colours.

`paper` is then as DINOSAUR (Seitzer et al. 2023), with the slots of the dataset.
"""

from typing import Any

from isa_eqx import ISAConfig

USUAL_BACKBONE = "facebook/dinov2-small"
SIZES = {True: (224, 224), False: (196, 294)}  # of square images and others, in whole patches of 14
SMALL = dict(backbone_size=384, patch_size=14)  # of that, until another is looked up
COMPONENTS = 64

PAPER_MODEL: dict[str, Any] = dict(
    slot_size=256, hidden_size=1024, encoder_channels=(256,), decoder_channels=(2048,) * 3
)
QUICK_MODEL: dict[str, Any] = dict(
    slot_size=128, hidden_size=128, encoder_channels=(128,), decoder_channels=(256,) * 3
)
PAPER: dict[str, Any] = dict(
    steps=500_000,
    warmup_steps=10_000,
    batch_size=64,
    learning_rate=4e-4,
    clip_norm=1.0,
    loss_pixels=None,
    gradient_scale=1.0,
    recompute=False,
    mixing=0.0,
    shading=0.0,
    ownership=0.0,
)
QUICK = PAPER | dict(
    steps=2_000,
    warmup_steps=200,
    batch_size=16,
    train_examples=2_048,
    learning_rate=1e-3,
    loss_pixels=64,
    gradient_scale=0.0,
)


def model_changes(model: ISAConfig, backbone: str, is_quick: bool) -> dict[str, Any]:
    """Return what turns an architecture into one of the same slots that explains features."""
    height, width = model.image_size
    return dict(
        target="features",
        backbone=backbone,
        components=COMPONENTS if is_quick else SMALL["backbone_size"],
        image_size=SIZES[height == width],
        num_rounds=3,
        encoder_strides=(1,),
        encoder_blocks=(),
        decoder_strides=(),
        **SMALL,
        **(QUICK_MODEL if is_quick else PAPER_MODEL),
    )
