"""What a person means by a folder: found in any spelling of names, and nothing lost in silence."""

from pathlib import PurePath

import pytest

from hub.mirror.sources.columns import choose_columns
from hub.mirror.sources.folder import understand
from hub.mirror.sources.understood import Understood

pytestmark = pytest.mark.quick

FORMATS = {".png", ".jpg", ".gif", ".tif", ".bmp"}


def read(*paths, lists=None):
    """The image files with their splits and label maps, and how many files are not used, by why."""
    found = understand(list(map(PurePath, paths)), FORMATS, lists)
    scenes = {str(s.image): (s.split, None if s.labels is None else str(s.labels))
              for s in found.scenes}  # fmt: skip
    return scenes, {why: len(files) for why, files in found.unused.items() if files}


@pytest.mark.parametrize(
    "labels",
    [
        "Masks/7.png", "MASKS/7.PNG", "masks/7.bmp", "mask/7_mask.png", "labels/7.png",
        "Annotations/7.png", "segmentation/7_seg.png", "SegmentationObject/7.png", "gt/7.tif",
        "ground_truth/7.gif", "instance_masks/7.png", "label-maps/7-label.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize("images", ["7.png", "images/7.PNG", "JPEGImages/7.jpg", "Photos/7.jpg"])
def test_a_folder_of_label_maps_is_known_in_any_spelling(images, labels):
    assert read(images, labels) == ({images: ("", labels)}, {})


@pytest.mark.parametrize(
    "labels",
    ["7_mask.png", "7_Mask.PNG", "7-mask.png", "7_seg.tif", "7_label.png", "7.mask.png",
     "mask_7.png", "7_instance_mask.png", "7_segmentation.png", "7_labels.gif"],
)  # fmt: skip
@pytest.mark.parametrize("image", ["7.PNG", "7.jpg"])
def test_so_is_a_label_map_beside_its_image(image, labels):
    assert read(image, labels) == ({image: ("", labels)}, {})


@pytest.mark.parametrize(
    ("train", "validation"),
    [("train", "val"), ("TRAIN", "Valid"), ("train2017", "val2017"), ("Training", "dev")],
)
@pytest.mark.parametrize(
    "path",
    ["{split}/{kind}/a.png", "{kind}/{split}/a.png", "default/{kind}/{split}/cats/a.png"],
)
def test_splits_are_found_above_and_below_the_folders_of_kinds(train, validation, path):
    places = {
        name: [path.format(split=folder, kind=kind) for kind in ("images", "masks")]
        for name, folder in (("train", train), ("validation", validation))
    }
    scenes, unused = read(*places["train"], *places["validation"])
    assert scenes == {image: (split, labels) for split, (image, labels) in places.items()}
    assert not unused


def test_what_only_sounds_like_a_label_map_is_an_image():
    """No image beside it has its name, or there are no others at all."""
    assert read("a.png", "venice_mask.png")[0].keys() == {"a.png", "venice_mask.png"}
    assert read("labels/1.png", "labels/2.png")[0].keys() == {"labels/1.png", "labels/2.png"}
    assert read("no_mask/1.jpg", "x/2.jpg")[0].keys() == {"no_mask/1.jpg", "x/2.jpg"}
    assert len(read("NORMAL/1.png", "PNEUMONIA/2.png")[0]) == 2
    said = understand([PurePath("a.png"), PurePath("venice_mask.png")], FORMATS).notes
    assert len(said) == 1 and "venice_mask.png" in said[0]


def test_label_maps_are_no_images_also_if_they_fit_none():
    scenes, unused = read("images/1.png", "images/2.png", "masks/1.png", "masks/99.png")
    assert scenes.keys() == {"images/1.png", "images/2.png"}
    assert unused == {"label map{s} of no image": 1}
    assert read("photos/0.png", "out/0_mask.png")[0].keys() == {"photos/0.png"}


def test_a_label_map_that_fits_several_images_is_given_to_none():
    scenes, unused = read("a/0.png", "b/0.png", "masks/0.png", "masks/b/1.png", "a/1.png")
    assert all(labels is None for _, labels in scenes.values())
    assert unused == {"label map{s} of no image": 2}
    assert read("train/cat/x.jpg", "masks/x.png")[0] == {
        "train/cat/x.jpg": ("train", "masks/x.png")
    }


def test_names_that_differ_by_capitals_are_two_scenes():
    scenes, _ = read("A.png", "a.png", "a_mask.png")
    assert scenes == {"A.png": ("", None), "a.png": ("", "a_mask.png")}


def test_the_layout_of_voc():
    paths = [f"VOC2012/JPEGImages/{n}.jpg" for n in range(5)]
    maps = [f"VOC2012/Segmentation{kind}/{n}.png" for kind in ("Class", "Object") for n in (1, 2)]
    lists = {"train": {"1"}, "validation": {"2"}}
    other = ["VOC2012/Annotations/1.xml", "VOC2012/ImageSets/Segmentation/train.txt"]
    scenes, unused = read(*paths, *maps, *other, lists=lists)
    assert scenes == {paths[1]: ("train", maps[2]), paths[2]: ("validation", maps[3])}
    assert unused == {
        "file{s} of annotations, of which only label maps are read": 1, ".txt file{s}": 1,
        "further label map{s}": 2, "image{s} in no list of a split": 3,
    }  # fmt: skip
    # Lists of something else say nothing.
    assert len(read(*paths, lists={"train": {"a", "b"}})[0]) == 5


def test_the_layouts_of_renderers_with_a_folder_a_scene():
    for image, labels, depth in (
        ("rgba_00000", "segmentation_00000", "depth_00000"),
        ("image", "mask", "depth"),
        ("rgb/000000", "mask/000000", "depth/000000"),
    ):
        files = [f"{s}/{n}.png" for s in ("s1", "s2") for n in (image, labels, depth)]
        scenes, unused = read(*files)
        assert scenes == {f"{s}/{image}.png": ("", f"{s}/{labels}.png") for s in ("s1", "s2")}
        assert unused == {"image{s} of depth and the like": 2}


def test_what_is_no_image_is_counted_by_kind():
    names = ["1.json", "2.JSON", "1.xml", "train/a.jpg", "train/a.json", "README"]
    names += ["annotations/instances.json", "Labels/a.txt"]
    assert read(*names)[1] == {
        ".json file{s}": 2, ".xml file{s}": 1, "other file{s}": 1,
        "file{s} of annotations, of which only label maps are read": 3,
    }  # fmt: skip
    many = read("a.png", *(f"frame.{n}" for n in range(1000)))[1]
    assert sum(many.values()) == 1000 and len(many) < 10


def column(name, **holds):
    found = choose_columns(holds)
    assert (found.image, found.labels) == name
    return {why: list(names) for why, names in found.unused.items() if names}


def test_columns_are_chosen_by_what_they_are_called_not_by_their_order():
    images = dict.fromkeys(("annotation", "image", "depth"), "images")
    assert column(("image", "annotation"), **images, id="else") == {
        "column{s} of images": ["depth"], "other column{s}": ["id"]
    }  # fmt: skip
    column(("image", "label"), label="images", image="images")
    column(("Image", "Mask"), Mask="images", Image="images", photo="images")
    column(("photo", "instance_mask"), semantic_mask="images", instance_mask="images",
           photo="images")  # fmt: skip
    column(("jpg", None), jpg="files", label="else")
    column(("picture", None), picture="images", thumb="files")
    column(("label", None), label="images")
    with pytest.raises(ValueError, match="no column of images; there are a, b"):
        choose_columns({"a": "else", "b": "else"})


def test_it_is_said_in_one_line_whatever_the_names_are():
    said = Understood(
        {"train": 27, "validation": 3}, "held out, by name", {"in masks/": 12}, "", [],
        {"label map{s} of no image": ["masks/\n\x1b[31m\udce9.png"], ".json file{s}": ["", ""]},
    )  # fmt: skip
    assert str(said) == (
        "Found 30 images: 27 train, 3 validation (held out, by name); label maps: 12 in masks/; "
        r"not used: 1 label map of no image (masks/\n\x1b[31m\udce9.png), 2 .json files."
    )
    assert str(Understood({"train": None}, column="a")) == (
        "Found images in column a: train; no label maps."
    )
