"""The configuration of an ISA model: one frozen dataclass, which JSON can hold."""

import dataclasses
import math
import reprlib
from typing import Any, Literal

from .config_checks import OF_BACKBONE, check_architecture, check_choice

_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    tuple: "a list of whole numbers",
}


@dataclasses.dataclass(frozen=True)
class ISAConfig:
    """The architecture. The defaults are the published model for Tetrominoes (Locatello et al.
    2020, appendix; Biza et al. 2023, appendix A); `isa_eqx.published` has the others.

    Attributes:
        variant: The symmetry of the slots: sa none (plain Slot Attention), isa-t translation,
            isa-ts and scale, isa-tsr and rotation.
        image_size: Height and width in pixels.
        num_slots: Slots, background included.
        slot_size: Numbers in a slot.
        num_rounds: Rounds of attention that update the slots; a last one updates only the frames.
        hidden_size: Width of the hidden layer of every MLP with one hidden layer.
        encoder_channels: One entry per 5×5 convolution, or per stage of a ResNet.
        encoder_strides: One entry per 5×5 convolution, or per stage of a ResNet.
        encoder_blocks: Residual blocks in each stage; none for plain convolutions.
        decoder_channels: One entry per layer.
        decoder_strides: One entry per layer if they are 5×5 convolutions, transposed where above 1;
            none for an MLP at every pixel.
        dtype: Precision of convolutions and matrix products over pixels: float32, which is that of
            weights and image, or bfloat16, for a GPU or TPU. Parameters, softmax, normalisation,
            frames and loss stay in float32.
        relative_values: Whether values depend on the pixel's position in the slot's frame, as keys
            do. False in the released weights named _v2.
        learnt_grid: Whether frames are estimated on a grid that the encoder has learnt, and not on
            the true one. True in the released ResNets of isa-ts and isa-tsr, which add absolute
            positions to their features and take the last two channels as the grid.
        target: What slots explain: colours, as published; or features, those of a frozen backbone
            at every patch of the image (Seitzer et al. 2023, DINOSAUR). The encoder is then an MLP
            at every patch.
        backbone: The backbone: a folder, or user/name or user/name@commit of the Hugging Face Hub.
        backbone_sha256: Of its weights, in hexadecimal; others are refused. '' takes any.
        backbone_size: Numbers in its vector of a patch.
        patch_size: Height and width of its patches in pixels.
        components: Leading principal components of its vectors, which are all that slots see and
            explain; as many as `backbone_size` for the vectors as they are.
    """

    variant: str = "isa-t"
    image_size: tuple[int, int] = (35, 35)
    num_slots: int = 4
    slot_size: int = 64
    num_rounds: int = 3
    hidden_size: int = 128
    encoder_channels: tuple[int, ...] = (64, 64, 64, 64)
    encoder_strides: tuple[int, ...] = (1, 1, 1, 1)
    encoder_blocks: tuple[int, ...] = ()
    decoder_channels: tuple[int, ...] = (256,) * 6
    decoder_strides: tuple[int, ...] = ()
    dtype: str = "float32"
    relative_values: bool = True
    learnt_grid: bool = False
    target: str = "colours"
    backbone: str = ""
    backbone_sha256: str = ""
    backbone_size: int = 0
    patch_size: int = 0
    components: int = 0

    def __post_init__(self) -> None:
        check_architecture(self)

    @property
    def feature_size(self) -> tuple[int, int]:
        """Height and width of the encoder's feature map, and of attention maps."""
        smaller = self.patch_size or math.prod(self.encoder_strides)
        height, width = self.image_size
        return -(-height // smaller), -(-width // smaller)

    @property
    def target_size(self) -> tuple[int, int]:
        """Height and width of what slots explain: in pixels, or in patches."""
        return self.image_size if self.target == "colours" else self.feature_size

    @property
    def target_channels(self) -> int:
        """Numbers that slots explain at each pixel or patch."""
        return 3 if self.target == "colours" else self.components

    @property
    def masks_of(self) -> Literal["attention", "decoder"]:
        """Whose masks tell things apart the better: the attention's where slots with frames explain
        features (docs/results.md), else the decoder's, as published.
        """
        is_attention = self.target == "features" and self.variant != "sa"
        return "attention" if is_attention else "decoder"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types; `from_dict` is the inverse.

        Those of a backbone are left out where slots explain colours, as if there were none.
        """
        fields = dataclasses.asdict(self)
        absent = ("target", *OF_BACKBONE) if self.target == "colours" else ()
        return {name: value for name, value in fields.items() if name not in absent}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ISAConfig":
        """Rebuild a config from `to_dict`, also after JSON has made lists of its tuples.

        Raises a `ValueError` on a key that is not a field (a newer or a foreign file) and on a
        value of another type or out of range.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        restored: dict[str, Any] = {}
        for name, value in fields.items():
            check_choice("field of ISAConfig", name, tuple(defaults))
            kind = type(defaults[name])
            is_list = kind is tuple and type(value) is list
            restored[name] = tuple(value) if is_list else value
            numbers = restored[name] if kind is tuple else ()
            # A sentence, where checking the types of `__init__` would print every argument.
            if type(restored[name]) is not kind or any(type(n) is not int for n in numbers):
                raise ValueError(f"{name} must be {_KINDS[kind]}, got {reprlib.repr(value)}.")
            if name == "image_size" and len(value) != 2:
                raise ValueError(f"{name} must be (height, width), got {reprlib.repr(value)}.")
        return cls(**restored)
