"""Data sets of images: files are read, shown and refused as the oracle does."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.utils.data import DataLoader
from kagari.vision import datasets
from kagari.vision.datasets import folder, mat, mnist, utils
from kagari.vision.pillow import pillow

ROWS = np.random.default_rng(0)


def outcome(ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What is returned, or type and text of the error."""
    try:
        return ask(*arguments, **options)
    except Exception as error:
        return type(error), str(error)


def same(ours: Any, theirs: Any) -> None:
    """Whether data sets have the same samples, the same attributes and the same representation."""
    assert len(ours) == len(theirs) and repr(ours) == repr(theirs)
    for (image, target), (wanted, wanted_target) in zip(ours, theirs):
        assert image.mode == wanted.mode and np.array_equal(np.asarray(image), np.asarray(wanted))
        assert type(target) is type(wanted_target) and target == wanted_target
    assert ours.classes == theirs.classes


# The format of MNIST


def write_idx(path: Path, array: np.ndarray, code: int = 8, packed: bool = False) -> None:
    """Writes an idx file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    data = head + array.tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


def write_mnist(folder: Path, packed: bool = False) -> None:
    """Writes five digits to train with and three to test."""
    for part, n in (("train", 5), ("t10k", 3)):
        for kind, array in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            values = ROWS.integers(0, 256 if len(array) == 3 else 10, array, np.uint8)
            write_idx(folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}", values, packed=packed)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
@pytest.mark.parametrize("train", [True, False])
def test_mnist(vision_oracle: ModuleType, tmp_path: Path, name: str, train: bool) -> None:
    kinds = getattr(datasets, name), getattr(vision_oracle.datasets, name)
    before = [outcome(kind, tmp_path) for kind in kinds]
    assert before[0] == before[1] and before[0][0] is RuntimeError
    write_mnist(tmp_path / name / "raw")
    ours, theirs = (kind(tmp_path, train) for kind in kinds)
    same(ours, theirs)
    assert ours.class_to_idx == theirs.class_to_idx and ours.raw_folder == theirs.raw_folder
    assert np.array_equal(ours.data.numpy(), theirs.data.numpy()) and ours.data.dtype is kagari.uint8
    assert np.array_equal(ours.targets.numpy(), theirs.targets.numpy()) and ours.targets.dtype is kagari.int64


def test_tables_are_the_oracles(vision_oracle: ModuleType) -> None:
    """Addresses, digests and classes."""
    for name in ("MNIST", "FashionMNIST", "KMNIST", "EMNIST", "CIFAR10", "CIFAR100", "STL10", "SVHN"):
        ours, theirs = (vars(getattr(m, name)) for m in (datasets, vision_oracle.datasets))
        public = {n for n, v in ours.items() if isinstance(v, str | list | tuple | dict) and not n.startswith("_")}
        assert len(public) > (name != "SVHN") * 2 and {n: ours[n] for n in public} == {n: theirs[n] for n in public}


def test_emnist(vision_oracle: ModuleType, tmp_path: Path) -> None:
    for split in ("letters", "byclass"):
        for part, n in (("train", 4), ("test", 2)):
            prefix = tmp_path / "EMNIST" / "raw" / f"emnist-{split}-{part}"
            write_idx(Path(f"{prefix}-images-idx3-ubyte"), ROWS.integers(0, 256, (n, 28, 28), np.uint8))
            write_idx(Path(f"{prefix}-labels-idx1-ubyte"), ROWS.integers(0, 10, n, np.uint8))
        for train in (True, False):
            same(*(m.datasets.EMNIST(tmp_path, split, train=train) for m in (kagari.vision, vision_oracle)))
    for split in ("digits", "nonsense"):
        ours, theirs = (outcome(m.datasets.EMNIST, tmp_path, split) for m in (kagari.vision, vision_oracle))
        assert ours == theirs and ours[0] in (RuntimeError, ValueError)


@pytest.mark.parametrize(("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_idx_files_of_all_types(vision_oracle: ModuleType, tmp_path: Path, code: int, dtype: str) -> None:
    path = tmp_path / "some"
    write_idx(path, ROWS.integers(0, 100, (2, 3)).astype(dtype), code)
    theirs = vision_oracle.datasets.mnist.read_sn3_pascalvincent_tensor(path)
    ours = mnist.read_sn3_pascalvincent_tensor(path)
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    assert np.array_equal(ours.numpy(), theirs.numpy())


def test_damaged_idx_files(tmp_path: Path) -> None:
    path = tmp_path / "some"
    for data, message in ((b"\0\0\7\1\0\0\0\1a", "07 01"), (b"", "begins with"), (b"\0\0\x08\1\0\0\0\2a", r"\(2,\)")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            mnist.read_sn3_pascalvincent_tensor(path)
    write_idx(path, np.zeros((2, 3), ">i2"), 11)
    with pytest.raises(ValueError, match="expected uint8 and 1"):
        mnist.read_label_file(str(path))


# CIFAR


def old_pickle(batch: dict[str, Any]) -> bytes:
    """A pickle as Python 2 wrote it with an old NumPy: text is bytes, and so are the elements of an array."""

    def text(value: bytes) -> bytes:
        return pickle.BINSTRING + struct.pack("<i", len(value)) + value

    def item(value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            shape = b"".join(b"J" + struct.pack("<i", n) for n in value.shape)
            dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
            return start + b"(K\x01(" + shape + b"t" + dtype + pickle.NEWFALSE + text(value.tobytes()) + b"tb"
        if isinstance(value, list):
            return b"](" + b"".join(map(item, value)) + b"e"
        return b"K" + bytes([value]) if isinstance(value, int) else text(value.encode())

    return b"\x80\x02}(" + b"".join(text(key.encode()) + item(value) for key, value in batch.items()) + b"u."


def small_cifar(kind: type, root: Path, write: Callable[[dict[str, Any]], bytes]) -> type:
    """The data set with files of three pictures, and the digests of these."""
    base = root / kind.base_folder
    base.mkdir(parents=True, exist_ok=True)
    label = "labels" if kind.meta["key"] == "label_names" else "fine_labels"

    def written(name: str, content: dict[str, Any]) -> str:
        (base / name).write_bytes(write(content))
        return utils.calculate_md5(base / name)

    lists = {}
    for which in ("train_list", "test_list"):
        lists[which] = []
        for name, _ in getattr(kind, which):
            pixels = ROWS.integers(0, 256, (3, 3072), np.uint8)
            lists[which].append([name, written(name, {"data": pixels, label: [2, 0, 1], "batch_label": "some"})])
    digest = written(kind.meta["filename"], {kind.meta["key"]: ["cat", "dog", "ship"]})
    return type(kind.__name__, (kind,), {**lists, "meta": {**kind.meta, "md5": digest}})


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
@pytest.mark.parametrize("write", [old_pickle, lambda batch: pickle.dumps(batch, 2), pickle.dumps])
def test_cifar(vision_oracle: ModuleType, tmp_path: Path, name: str, write: Any) -> None:
    ours = small_cifar(getattr(datasets, name), tmp_path, write)
    digests = {n: getattr(ours, n) for n in ("train_list", "test_list", "meta")}
    theirs = type(name, (getattr(vision_oracle.datasets, name),), digests)
    for train in (True, False):
        a, b = ours(tmp_path, train), theirs(tmp_path, train)
        same(a, b)
        assert np.array_equal(a.data, b.data) and a.targets == b.targets and a.class_to_idx == b.class_to_idx


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


def test_pickles_of_cifar_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kind = small_cifar(datasets.CIFAR10, tmp_path, lambda batch: pickle.dumps({**batch, "more": Harmful()}))
    with pytest.raises(pickle.UnpicklingError, match=r"mkdir"):
        kind(tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_arrays_of_cifar_have_to_be_bytes(tmp_path: Path) -> None:
    kind = small_cifar(datasets.CIFAR10, tmp_path, lambda batch: pickle.dumps({**batch, "data": np.zeros((3, 3072))}))
    with pytest.raises(pickle.UnpicklingError, match="expected an array of uint8"):
        kind(tmp_path)


def test_damaged_files_of_cifar_are_refused(vision_oracle: ModuleType, tmp_path: Path) -> None:
    kind = small_cifar(datasets.CIFAR10, tmp_path, pickle.dumps)
    kind(tmp_path)
    (tmp_path / kind.base_folder / "data_batch_3").write_bytes(b"damaged")
    assert outcome(kind, tmp_path) == outcome(vision_oracle.datasets.CIFAR10, tmp_path)


# STL10


@pytest.mark.parametrize("split", ["train", "test", "unlabeled", "train+unlabeled"])
def test_stl10(vision_oracle: ModuleType, tmp_path: Path, split: str) -> None:
    base = tmp_path / "stl10_binary"
    base.mkdir()
    for part in ("train", "test", "unlabeled"):
        ROWS.integers(0, 256, (4, 3, 96, 96), np.uint8).tofile(base / f"{part}_X.bin")
        ROWS.integers(1, 11, 4, np.uint8).tofile(base / f"{part}_y.bin")
    (base / "class_names.txt").write_text("cat\ndog\n")
    (base / "fold_indices.txt").write_text("0 2\n3 1 0\n")
    digests = {
        which: [[name, utils.calculate_md5(base / name)] for name, _ in getattr(datasets.STL10, which)]
        for which in ("train_list", "test_list")
    }
    kinds = [type("STL10", (m.datasets.STL10,), digests) for m in (kagari.vision, vision_oracle)]
    for folds in (None, 1):
        same(*(kind(tmp_path, split, folds) for kind in kinds))
    for folds in (10, "1"):
        ours, theirs = (outcome(kind, tmp_path, split, folds) for kind in kinds)
        assert ours == theirs and ours[0] is ValueError


# Files of MATLAB


def write_mat(path: Path, packed: bool, order: str = "<", **arrays: np.ndarray) -> None:
    """Writes arrays of bytes and of doubles."""

    def element(kind: int, data: bytes) -> bytes:
        if 0 < len(data) <= 4 and order == "<":  # a small one
            return struct.pack("<HH4s", kind, len(data), data)
        return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)

    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"a file".ljust(124) + (b"\x00\x01IM" if order == "<" else b"\x01\x00MI")
    for name, array in arrays.items():
        stored, kind = (2, 9) if array.dtype == np.uint8 else (9, 6)
        parts = element(6, struct.pack(f"{order}II", kind, 0))
        parts += element(5, struct.pack(f"{order}{array.ndim}i", *array.shape)) + element(1, name.encode())
        parts += element(stored, array.astype(array.dtype.newbyteorder(order)).tobytes("F"))
        matrix = element(14, parts)
        if packed:
            matrix = zlib.compress(matrix)
            matrix = struct.pack(f"{order}II", 15, len(matrix)) + matrix
        content += matrix
    path.write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_files_of_matlab(tmp_path: Path, packed: bool, order: str) -> None:
    path = tmp_path / "some.mat"
    arrays = {"a": ROWS.integers(0, 256, (2, 3, 4), np.uint8), "longer": ROWS.random((1, 5)), "b": ROWS.random((0, 2))}
    write_mat(path, packed, order, **arrays)
    found = mat.read_mat(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        try:
            some = mat.read_mat(path)
        except ValueError as error:
            assert str(path) in str(error)
        else:  # it ends between two arrays
            assert len(some) < len(arrays) and all(np.array_equal(some[name], arrays[name]) for name in some)


@pytest.mark.parametrize("split", ["train", "test", "extra"])
def test_svhn(tmp_path: Path, split: str) -> None:
    kind = datasets.SVHN
    with pytest.raises(RuntimeError, match="not found or corrupted"):
        kind(tmp_path, split)
    url, name, _ = kind.split_list[split]
    pixels, digits = ROWS.integers(0, 256, (32, 32, 3, 4), np.uint8), np.array([[3], [10], [1], [9]], np.uint8)
    write_mat(tmp_path / name, True, X=pixels, y=digits)
    listed = {**kind.split_list, split: [url, name, utils.calculate_md5(tmp_path / name)]}
    found = type("SVHN", (kind,), {"split_list": listed})(tmp_path, split)
    assert found.data.shape == (4, 3, 32, 32) and found.labels.tolist() == [3, 0, 1, 9] and len(found) == 4
    assert found.labels.dtype == np.int64 and f"Split: {split}" in repr(found)
    image, digit = found[1]
    assert np.array_equal(np.asarray(image), pixels[..., 1]) and digit == 0 and type(digit) is int
    with pytest.raises(ValueError, match="Unknown value 'other' for argument split"):
        kind(tmp_path, "other")


def test_caltech(vision_oracle: ModuleType, tmp_path: Path) -> None:
    for name in ("Caltech101", "Caltech256"):
        ours, theirs = (outcome(getattr(m.datasets, name), tmp_path) for m in (kagari.vision, vision_oracle))
        assert ours == theirs and ours[0] is RuntimeError
    outline = ROWS.random((2, 7))
    base = tmp_path / "caltech101"
    for category in ("Faces", "BACKGROUND_Google", "ant"):
        (base / "101_ObjectCategories" / category).mkdir(parents=True)
        for number in (1, 2):
            path = base / "101_ObjectCategories" / category / f"image_{number:04d}.jpg"
            pillow().fromarray(ROWS.integers(0, 256, (4, 5, 3), np.uint8)).save(path)
            write_mat(
                base / "Annotations" / {"Faces": "Faces_2"}.get(category, category) / f"annotation_{number:04d}.mat",
                False, obj_contour=outline * number,
            )  # fmt: skip
    for category in ("001.ak47", "002.flag"):
        folder = tmp_path / "caltech256" / "256_ObjectCategories" / category
        folder.mkdir(parents=True)
        (folder / "note.txt").write_text("none")
        pillow().fromarray(ROWS.integers(0, 256, (4, 5), np.uint8)).save(folder / f"{category[:3]}_0001.jpg")
    for name in ("Caltech101", "Caltech256"):
        found, wanted = (getattr(m.datasets, name)(tmp_path) for m in (kagari.vision, vision_oracle))
        assert len(found) == len(wanted) and repr(found) == repr(wanted)
        assert (found.categories, found.y, found.index) == (wanted.categories, wanted.y, wanted.index)
        assert [target for _, target in found] == wanted.y
    both = datasets.Caltech101(tmp_path, ["category", "annotation"])
    image, (category, points) = both[1]
    assert both.categories == ["Faces", "ant"] and category == 0 and np.array_equal(points, outline * 2)
    assert np.array_equal(
        np.asarray(image), np.asarray(pillow().open(base / "101_ObjectCategories/Faces/image_0002.jpg"))
    )
    with pytest.raises(ValueError, match="Unknown value 'box' for argument target_type"):
        datasets.Caltech101(tmp_path, "box")


# Folders


def test_image_folder(vision_oracle: ModuleType, tmp_path: Path) -> None:
    for k, name in enumerate(("dog/1.png", "cat/b/2.PNG", "cat/a.jpg", "cat/note.txt", "fish/deep/er/3.png")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("nothing")
        else:
            pillow().fromarray(ROWS.integers(0, 256, (4, 5 + k), np.uint8)).save(path)
    ours, theirs = (m.datasets.ImageFolder(tmp_path) for m in (kagari.vision, vision_oracle))
    same(ours, theirs)
    for attribute in ("samples", "imgs", "targets", "class_to_idx", "extensions"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    (tmp_path / "empty").mkdir()
    for options in ({}, {"allow_empty": True}, {"is_valid_file": lambda path: path.endswith("1.png")}):
        found = [
            outcome(lambda m, given: m.datasets.ImageFolder(str(tmp_path), **given).samples, module, options)
            for module in (kagari.vision, vision_oracle)
        ]
        assert found[0] == found[1]


def test_errors_of_folders(vision_oracle: ModuleType, tmp_path: Path) -> None:
    modules = folder, vision_oracle.datasets.folder
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").write_bytes(b"1")
    questions: list[Callable[[Any], Any]] = [
        lambda m: m.make_dataset(tmp_path),
        lambda m: m.make_dataset(tmp_path, extensions=".bin"),
        lambda m: m.make_dataset(tmp_path, extensions=(".png", ".jpg")),
        lambda m: m.make_dataset(tmp_path, extensions=".png", is_valid_file=bool),
        lambda m: m.make_dataset(tmp_path, {}, ".png"),
        lambda m: m.make_dataset(tmp_path, {"a": 3, "gone": 1}, is_valid_file=lambda path: False),
        lambda m: m.find_classes(tmp_path / "a"),
        lambda m: m.find_classes(tmp_path / "gone"),
        lambda m: m.DatasetFolder(tmp_path, len),
        lambda m: m.DatasetFolder(tmp_path, len, (".bin",))[0],
        lambda m: (m.is_image_file("A.JPEG"), m.has_file_allowed_extension("a.x", ".y"), m.IMG_EXTENSIONS),
    ]
    for question in questions:
        assert outcome(question, modules[0]) == outcome(question, modules[1])


# What all share


class Twice:
    """A transform with a representation of several lines."""

    def __call__(self, *given: Any) -> Any:
        return given if len(given) == 2 else 2 * given[0]

    def __repr__(self) -> str:
        return "Twice(\n    once\n)"


@pytest.mark.parametrize("names", [(), ("transform",), ("target_transform",), ("transform", "target_transform")])
def test_transforms_are_shown_and_used(vision_oracle: ModuleType, names: tuple[str, ...]) -> None:
    given = {"transform": np.shape, "target_transform": Twice()}
    options = {name: given[name] for name in names}
    ours, theirs = (m.datasets.FakeData(4, (3, 5, 6), **options) for m in (kagari.vision, vision_oracle))
    assert repr(ours) == repr(theirs) and ours[1][1] == theirs[1][1]
    assert np.array_equal(ours[1][0], theirs[1][0])


def test_representations(vision_oracle: ModuleType) -> None:
    found = []
    for module in (kagari.vision, vision_oracle):

        class Three(module.datasets.VisionDataset):  # type: ignore[misc, name-defined]
            def __len__(self) -> int:
                return 3

            def extra_repr(self) -> str:
                return "Split: some\nof two lines"

        given = {"transforms": Twice()}, {"transforms": Twice(), "transform": Twice()}, {"root": "~/some"}, {}
        found.append([outcome(lambda kind, options: repr(kind(**options)), Three, options) for options in given])
    assert found[0] == found[1] and "of two lines" in found[0][0]


def test_fake_data(vision_oracle: ModuleType) -> None:
    for options in ({}, {"image_size": (1, 5, 7)}, {"image_size": (3, 4, 4), "random_offset": 9, "num_classes": 3}):
        ours, theirs = (m.datasets.FakeData(3, **options) for m in (kagari.vision, vision_oracle))
        kagari.manual_seed(4)
        for (image, target), (wanted, wanted_target) in zip(ours, theirs):
            assert image.mode == wanted.mode and target == wanted_target
            assert np.array_equal(np.asarray(image), np.asarray(wanted))
        after = kagari.rand(1).item()
        kagari.manual_seed(4)
        assert kagari.rand(1).item() == after
        assert outcome(ours.__getitem__, 3) == outcome(theirs.__getitem__, 3)


def test_words_among_a_few(vision_oracle: ModuleType) -> None:
    modules = utils, vision_oracle.datasets.utils
    for arguments in (
        ("a", "split", ("b", "a")),
        ("a", "split", ("b", "c")),
        (1, "split", ("b",)),
        (1,),
        ("a", None, ["b"]),
    ):
        ours, theirs = (outcome(m.verify_str_arg, *arguments) for m in modules)
        assert ours == theirs


# Downloads, from files that stand for addresses


def serve(kind: type, source: Path) -> None:
    """Writes the packed files of MNIST, and gives the data set their address and digests."""
    write_mnist(source, packed=True)
    kind.mirrors = ["http://127.0.0.1:9/", f"{source.as_uri()}/"]
    kind.resources = [(name, utils.calculate_md5(source / name)) for name, _ in kind.resources]


def test_downloads(tmp_path: Path) -> None:
    kind = type("MNIST", (datasets.MNIST,), {})
    serve(kind, tmp_path / "net")
    data = kind(tmp_path / "here", download=True)
    raw = Path(data.raw_folder)
    assert len(data) == 5 and len(kind(tmp_path / "here", train=False)) == 3
    assert sorted(p.name for p in raw.iterdir()) == sorted(
        name for packed, _ in kind.resources for name in (packed, packed.removesuffix(".gz"))
    )


def test_letters_are_unpacked_twice(tmp_path: Path) -> None:
    kind = type("EMNIST", (datasets.EMNIST,), {})
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for part in ("train", "test"):
            for name, shape in (("images-idx3", (2, 28, 28)), ("labels-idx1", (2,))):
                write_idx(tmp_path / "some.gz", np.ones(shape, np.uint8), packed=True)
                archive.write(tmp_path / "some.gz", f"gzip/emnist-digits-{part}-{name}-ubyte.gz")
    kind.url, kind.md5 = (tmp_path / "gzip.zip").as_uri(), utils.calculate_md5(tmp_path / "gzip.zip")
    data = kind(tmp_path / "here", "digits", download=True)
    assert data.targets.tolist() == [1, 1] and len(list(Path(data.raw_folder).iterdir())) == 5


def test_what_can_not_be_downloaded_names_address_and_folder(tmp_path: Path) -> None:
    kind = type("CIFAR10", (datasets.CIFAR10,), {"url": "http://127.0.0.1:9/cifar.tgz"})
    with pytest.raises(RuntimeError, match=r"can't download http://127.0.0.1:9/cifar.tgz to .*here/cifar-10-python"):
        kind(tmp_path / "here", download=True)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_download_with_another_digest_does_not_appear(tmp_path: Path) -> None:
    kind = type("MNIST", (datasets.MNIST,), {})
    serve(kind, tmp_path / "net")
    (tmp_path / "net" / kind.resources[0][0]).write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=r"Error downloading train-images(.|\n)*corrupted.*expected"):
        kind(tmp_path / "here", download=True)
    assert list((tmp_path / "here" / "MNIST" / "raw").iterdir()) == []


def test_archives(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    with tarfile.open(tmp_path / "some.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "a", "deep/a")
    utils.extract_archive(tmp_path / "some.tar.gz", tmp_path / "out", remove_finished=True)
    assert (tmp_path / "out" / "deep" / "a").read_text() == "text" and not (tmp_path / "some.tar.gz").exists()
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(tmp_path / "a", "../evil")
    with pytest.raises(tarfile.OutsideDestinationError):
        utils.extract_archive(tmp_path / "evil.tar", tmp_path / "out")
    assert not (tmp_path / "evil").exists()
    with pytest.raises(RuntimeError, match="Unknown compression or archive type: 'a'"):
        utils.extract_archive(tmp_path / "a")


# Drawings


@pytest.mark.parametrize("kind", [datasets.SyntheticDigits, datasets.SyntheticShapes])
def test_drawings_follow_from_seed_and_index(kind: type) -> None:
    data, again, other = kind(20, seed=3), kind(30, seed=3), kind(20, seed=4)
    assert len(data) == 20 and [target for _, target in data] == [i % len(kind.classes) for i in range(20)]
    assert all(kagari.equal(data[i][0], again[i][0]) and not kagari.equal(data[i][0], other[i][0]) for i in range(20))
    with pytest.raises(IndexError, match="out of range"):
        data[20]
    images, targets = next(iter(DataLoader(kind(8, size=16, transform=lambda image: image * 0), batch_size=8)))
    assert images.shape == (8, 1, 16, 16) and images.dtype is kagari.float32 and not images.any()
    assert targets.dtype is kagari.int64 and repr(data).startswith(f"Dataset {kind.__name__}\n    Number of")


def test_drawn_digits_can_be_told_apart() -> None:
    """The nearest of the mean drawings is most often that of the same digit."""
    data = datasets.SyntheticDigits(400)
    images = np.stack([image.numpy().ravel() for image, _ in data])
    targets = np.arange(400) % 10
    means = np.stack([images[:300][targets[:300] == digit].mean(0) for digit in range(10)])
    nearest = ((images[300:, None] - means) ** 2).sum(-1).argmin(1)
    assert (nearest == targets[300:]).mean() > 0.4
