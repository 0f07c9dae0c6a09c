"""What an ISA model is made of: one frozen dataclass, JSON in and out."""

import dataclasses
import difflib
from typing import Any

VARIANTS = ("sa", "isa-t")


def one_of(what: str, name: Any, valid: tuple[str, ...]) -> None:
    """Raise a `ValueError` with the valid names, nearest first, unless `name` is one of them."""
    if name not in valid:
        starts = [candidate for candidate in valid if name and candidate.startswith(str(name))]
        near = starts or difflib.get_close_matches(str(name), valid, n=1, cutoff=0.3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown {what} {name!r}; valid ones are {', '.join(valid)}.{hint}")


@dataclasses.dataclass(frozen=True)
class ISAConfig:
    """The architecture. The defaults are the published model for Tetrominoes (design of
    Locatello et al. 2020, appendix E; Biza et al. 2023, appendix A).

    - `variant`: the symmetry of the slots: `sa` none (plain Slot Attention), `isa-t` translation.
    - `image_size`: height and width in pixels.
    - `num_slots`: slots k, background included.
    - `slot_size`: numbers per slot, d.
    - `num_rounds`: rounds of attention that update the slots; one more updates only the frames.
    - `hidden_size`: width of the hidden layer of every MLP with one hidden layer.
    - `encoder_channels`, `encoder_strides`: one entry per 5×5 convolution.
    - `decoder_channels`: one entry per layer of the MLP that decodes every slot and pixel.
    """

    variant: str = "isa-t"
    image_size: tuple[int, int] = (35, 35)
    num_slots: int = 4
    slot_size: int = 64
    num_rounds: int = 3
    hidden_size: int = 128
    encoder_channels: tuple[int, ...] = (64, 64, 64, 64)
    encoder_strides: tuple[int, ...] = (1, 1, 1, 1)
    decoder_channels: tuple[int, ...] = (256,) * 6

    def __post_init__(self) -> None:
        one_of("variant", self.variant, VARIANTS)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            whole = all(type(number) is int and number > 0 for number in numbers)
            if field.name != "variant" and not (numbers and whole):
                raise ValueError(f"{field.name} must be whole numbers above 0, got {value!r}.")
        if len(self.image_size) != 2:
            raise ValueError(f"image_size must be (height, width), got {self.image_size!r}.")
        if len(self.encoder_channels) != len(self.encoder_strides):
            raise ValueError(
                "encoder_channels and encoder_strides must have one entry per convolution, "
                f"got {len(self.encoder_channels)} and {len(self.encoder_strides)}."
            )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types; `from_dict` is the inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "ISAConfig":
        """Rebuild a config from `to_dict`, also after JSON has made lists of its tuples.

        Raises a `ValueError` on a key that is not a field: a newer or a foreign file.
        """
        known = tuple(field.name for field in dataclasses.fields(cls))
        for name in fields:
            one_of("field of ISAConfig", name, known)
        restored: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return cls(**restored)
