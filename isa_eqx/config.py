"""The configuration of an ISA model: one frozen dataclass, which JSON can hold."""

import dataclasses
import difflib
import math
import reprlib
from typing import Any

GROUPS = 32  # of a ResNet's normalisation
VARIANTS = ("sa", "isa-t", "isa-ts", "isa-tsr")
DTYPES = ("float32", "bfloat16")
# A configuration may come from anyone: one beyond these is a mistake or an attack.
LARGEST, DEEPEST = 2**14, 2**8  # of any number; of layers or rounds
_COUNTS = "num_rounds", "encoder_blocks"  # of layers or rounds
_KINDS = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    tuple: "a list of whole numbers",
}


def check_choice(what: str, name: Any, valid: tuple[str, ...]) -> None:
    """Raise a `ValueError` that lists the valid names, nearest first, unless `name` is one."""
    if name not in valid:
        starts = [candidate for candidate in valid if name and candidate.startswith(str(name))]
        near = starts or difflib.get_close_matches(str(name), valid, n=1, cutoff=0.3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown {what} {name!r:.60}; valid ones are {', '.join(valid)}.{hint}")


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

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, VARIANTS)
        check_choice("dtype", self.dtype, DTYPES)
        self._check_numbers()
        self._check_lengths()
        for switch, used in (("relative_values", True), ("learnt_grid", False)):
            if self.variant == "sa" and getattr(self, switch) != used:
                raise ValueError(f"{switch} must be {used} for sa, whose slots have no frames.")

    def _check_numbers(self) -> None:
        may_be_empty = ("encoder_blocks", "decoder_strides")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (str, bool):
                continue
            numbers = value if isinstance(value, tuple) else (value,)
            valid = all(type(number) is int and 0 < number <= LARGEST for number in numbers)
            if not valid or not (numbers or field.name in may_be_empty):
                raise ValueError(
                    f"{field.name} must be whole numbers from 1 to {LARGEST:,}, got "
                    f"{reprlib.repr(value)}."
                )
            if max(len(numbers), sum(numbers) if field.name in _COUNTS else 0) > DEEPEST:
                raise ValueError(
                    f"{field.name} must be at most {DEEPEST} layers or rounds, got "
                    f"{reprlib.repr(value)}."
                )
        if self.encoder_blocks and any(c % GROUPS for c in self.encoder_channels):
            raise ValueError(
                f"encoder_channels of a ResNet must be multiples of {GROUPS}, the groups of its "
                f"normalisation, got {self.encoder_channels}."
            )
        if self.learnt_grid and self.encoder_channels[-1] < 3:
            raise ValueError(
                "learnt_grid takes two of the last encoder_channels, of which at least one must "
                f"remain, got {self.encoder_channels}."
            )

    def _check_lengths(self) -> None:
        if len(self.image_size) != 2:
            raise ValueError(f"image_size must be (height, width), got {self.image_size!r}.")
        for name in ("encoder_strides", "encoder_blocks", "decoder_strides"):
            channels = f"{name.partition('_')[0]}_channels"
            wanted, got = len(getattr(self, channels)), len(getattr(self, name))
            if got != wanted and (got or name == "encoder_strides"):
                raise ValueError(
                    f"{channels} and {name} must have one entry per layer, got {wanted} and {got}."
                )
        larger = math.prod(self.decoder_strides)
        if any(size % larger for size in self.image_size):
            raise ValueError(
                f"image_size must be a multiple of {larger}, the product of decoder_strides, "
                f"got {self.image_size}."
            )

    @property
    def feature_size(self) -> tuple[int, int]:
        """Height and width of the encoder's feature map, and of attention maps."""
        smaller = math.prod(self.encoder_strides)
        height, width = self.image_size
        return -(-height // smaller), -(-width // smaller)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types; `from_dict` is the inverse."""
        return dataclasses.asdict(self)

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
