"""The messages that event files hold: one function for each kind of thing that is shown."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base import dtypes
from ...eager import Tensor
from .arrays import as_array, as_picture
from .hparams import hparams
from .library import part, proto
from .pictures import gif, png, wav

_summary, _tensor, _shape, _types = proto("summary"), proto("tensor"), proto("tensor_shape"), proto("types")
Summary, SummaryMetadata, TensorProto = _summary.Summary, _summary.SummaryMetadata, _tensor.TensorProto

# For each dtype its name in a message, the field that holds the numbers, and how they are taken from an array.
_FIELDS: dict[Any, tuple[str, str, Any]] = {
    dtypes.float64: ("DT_DOUBLE", "double_val", None),
    dtypes.float32: ("DT_FLOAT", "float_val", None),
    dtypes.float16: ("DT_HALF", "half_val", lambda a: a.view(np.uint16)),
    dtypes.bfloat16: ("DT_BFLOAT16", "half_val", lambda a: a.view(np.uint32) >> 16),
    dtypes.uint8: ("DT_UINT8", "uint32_val", None),
    dtypes.int8: ("DT_INT8", "int_val", None),
    dtypes.int16: ("DT_INT16", "int_val", None),
    dtypes.int32: ("DT_INT32", "int_val", None),
    dtypes.int64: ("DT_INT64", "int64_val", None),
    dtypes.bool_: ("DT_BOOL", "bool_val", None),
    dtypes.complex64: ("DT_COMPLEX64", "scomplex_val", lambda a: a.view(np.float32)),
    dtypes.complex128: ("DT_COMPLEX128", "dcomplex_val", lambda a: a.view(np.float64)),
}
_LEAST = 1e-7  # what a precision is divided by where there is nothing to divide by


def _plugin(name: str, content: bytes = b"") -> Any:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content))


def _numbers(array: Any) -> Any:
    """An array as a message, float32."""
    sizes = [_shape.TensorShapeProto.Dim(size=size) for size in array.shape]
    return TensorProto(
        dtype="DT_FLOAT", float_val=array.reshape(-1).tolist(), tensor_shape=_shape.TensorShapeProto(dim=sizes)
    )


def scalar(
    name: str, tensor: Any, collections: Any = None, new_style: bool = False, double_precision: bool = False
) -> Any:
    """A number: in the field for simple ones, float32, or with ``new_style`` as a tensor without dimensions.

    Raises AssertionError where there is more than one number.
    """
    value = as_array(tensor).squeeze()
    if value.ndim != 0:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions). "
            f"Was given size: {value.size} and {value.ndim} dimensions."
        )
    number = float(value)
    if not new_style:
        return Summary(value=[Summary.Value(tag=name, simple_value=number)])
    if double_precision:
        held = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    else:
        held = TensorProto(float_val=[number], dtype="DT_FLOAT")
    return Summary(value=[Summary.Value(tag=name, tensor=held, metadata=_plugin("scalars"))])


def tensor_proto(tag: str, tensor: Tensor) -> Any:
    """A tensor with all its numbers. Raises ValueError for a dtype that messages don't have."""
    if tensor.dtype not in _FIELDS:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    kind, field, taken = _FIELDS[tensor.dtype]
    array = np.ascontiguousarray(as_array(tensor)).reshape(-1)
    sizes = [_shape.TensorShapeProto.Dim(size=size) for size in tensor.shape]
    held = TensorProto(dtype=kind, tensor_shape=_shape.TensorShapeProto(dim=sizes))
    getattr(held, field).extend((array if taken is None else taken(array)).tolist())
    return Summary(value=[Summary.Value(tag=tag, tensor=held, metadata=_plugin("tensor"))])


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Any:
    """A histogram whose buckets have been counted."""
    if len(bucket_limits) != len(bucket_counts):
        raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
    held = _summary.HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=[float(limit) for limit in bucket_limits],
        bucket=[float(count) for count in bucket_counts],
    )
    return Summary(value=[Summary.Value(tag=name, histo=held)])


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Any:
    """A histogram of numbers.

    Args:
        name (str): the tag.
        values (Tensor or array): the numbers.
        bins (str, int or sequence): what `numpy.histogram` takes.
        max_bins (int, optional): where there are more buckets, neighbours are joined.

    Raises ValueError where there are no numbers.
    """
    numbers = as_array(values).astype(float).reshape(-1)
    if numbers.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(numbers, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        together = len(counts) // max_bins
        missing = -len(counts) % together
        counts = np.pad(counts, (0, missing)).reshape(-1, together).sum(axis=-1)
        limits = np.append(limits[:-1:together], limits[-1])
    # TensorBoard draws the first bucket from the limit of an empty one before it.
    (filled,) = np.nonzero(counts)
    first, last = filled[0], filled[-1] + 1
    counts = np.append(0, counts[first:last])
    limits = limits[first : last + 1]
    return histogram_raw(
        name,
        numbers.min(),
        numbers.max(),
        len(numbers),
        numbers.sum(),
        numbers.dot(numbers),
        limits.tolist(),
        counts.tolist(),
    )


def image(tag: str, tensor: Any, rescale: float = 1, dataformats: str = "NCHW") -> Any:
    """An image, or several as one, as a PNG."""
    return Summary(value=[Summary.Value(tag=tag, image=png(as_picture(tensor, dataformats), rescale))])


def image_boxes(
    tag: str,
    tensor_image: Any,
    tensor_boxes: Any,
    rescale: float = 1,
    dataformats: str = "CHW",
    labels: Sequence[str] | None = None,
) -> Any:
    """An image with boxes drawn on it. Labels that are not as many as the boxes are left out."""
    boxes = as_array(tensor_boxes)
    known = labels if labels is not None and len(labels) == len(boxes) else None
    held = png(as_picture(tensor_image, dataformats), rescale, boxes, known)
    return Summary(value=[Summary.Value(tag=tag, image=held)])


def video(tag: str, tensor: Any, fps: float = 4) -> Any:
    """Films (N, T, C, H, W) beside each other, as a GIF."""
    return Summary(value=[Summary.Value(tag=tag, image=gif(as_array(tensor), fps))])


def audio(tag: str, tensor: Any, sample_rate: int = 44100) -> Any:
    """A sound of one channel, as a WAV file. Warns where numbers are not from -1 to 1, and cuts them off there."""
    samples = as_array(tensor)
    if abs(samples).max() > 1:
        warnings.warn("audio amplitude out of range, auto clipped.", stacklevel=3)
        samples = samples.clip(-1, 1)
    samples = samples.squeeze()
    if samples.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    held = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(samples),
        encoded_audio_string=wav(samples, sample_rate),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=held)])


def text(tag: str, text: str) -> Any:
    """A text, which is shown as Markdown."""
    sizes = _shape.TensorShapeProto(dim=[_shape.TensorShapeProto.Dim(size=1)])
    held = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=sizes)
    return Summary(value=[Summary.Value(tag=f"{tag}/text_summary", tensor=held, metadata=_plugin("text"))])


def custom_scalars(layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> Any:
    """Which scalars are shown in one chart: categories, with charts, each a kind and its tags.

    Raises AssertionError where a chart of the kind `Margin` has not three tags.
    """
    messages = part("plugins.custom_scalar.layout_pb2")
    categories = []
    for category, charts in layout.items():
        made = []
        for title, (kind, tags, *_) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
                value, lower, upper = tags
                series = messages.MarginChartContent.Series(value=value, lower=lower, upper=upper)
                content = messages.MarginChartContent(series=[series])
                made.append(messages.Chart(title=title, margin=content))
            else:
                made.append(messages.Chart(title=title, multiline=messages.MultilineChartContent(tag=tags)))
        categories.append(messages.Category(title=category, chart=made))
    held = TensorProto(
        dtype="DT_STRING",
        string_val=[messages.Layout(category=categories).SerializeToString()],
        tensor_shape=_shape.TensorShapeProto(),
    )
    value = Summary.Value(tag="custom_scalars__config__", tensor=held, metadata=_plugin("custom_scalars"))
    return Summary(value=[value])


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Any:
    """A curve of precision over recall that has been computed. Of thresholds there are at most 127."""
    messages = part("plugins.pr_curve.plugin_data_pb2")
    data = messages.PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, 127))
    curve = np.stack([as_array(part) for part in (tp, fp, tn, fn, precision, recall)])
    metadata = _plugin("pr_curves", data.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, tensor=_numbers(curve), metadata=metadata)])


def pr_curve(tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None) -> Any:
    """A curve of precision over recall for predictions of yes and no. Of thresholds there are at most 127."""
    thresholds = min(num_thresholds, 127)
    curve = compute_curve(as_array(labels), as_array(predictions), thresholds, weights)
    tp, fp, tn, fn, precision, recall = curve
    return pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, thresholds)


def compute_curve(labels: Any, predictions: Any, num_thresholds: int, weights: Any = None) -> Any:
    """How many are right and wrong above each threshold, and with that the precision and the recall.

    The rows of the result are true and false positives, true and false negatives, the precision and the recall.
    """
    weighted = as_array(1.0 if weights is None else weights)
    places = np.int32(np.floor(predictions * (num_thresholds - 1)))
    every: dict[str, Any] = {"bins": num_thresholds, "range": (0, num_thresholds - 1)}
    positive, _ = np.histogram(places, weights=labels * weighted, **every)
    negative, _ = np.histogram(places, weights=(1.0 - labels) * weighted, **every)
    tp, fp = np.cumsum(positive[::-1])[::-1], np.cumsum(negative[::-1])[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    return np.stack((tp, fp, tn, fn, tp / np.maximum(_LEAST, tp + fp), tp / np.maximum(_LEAST, tp + fn)))


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: Mapping[str, Any] | None,
    display_name: str | None = None,
    description: str | None = None,
) -> Any:
    """Points in space, with colours, and the triangles between them."""
    metadata, content = part("plugins.mesh.metadata"), part("plugins.mesh.plugin_data_pb2").MeshPluginData
    config = json.dumps(config_dict or {}, sort_keys=True)
    given = [(vertices, content.VERTEX), (faces, content.FACE), (colors, content.COLOR)]
    tensors = [(as_array(value), kind) for value, kind in given if value is not None]
    components = metadata.get_components_bitmask([kind for _, kind in tensors])
    values = []
    for array, kind in tensors:
        about = metadata.create_summary_metadata(
            tag, display_name, kind, components, array.shape, description, json_config=config
        )
        name = metadata.get_instance_name(tag, kind)
        values.append(Summary.Value(tag=name, tensor=_numbers(array), metadata=about))
    return Summary(value=values)


__all__ = [
    "audio", "compute_curve", "custom_scalars", "histogram", "histogram_raw", "hparams", "image", "image_boxes", "mesh",
    "pr_curve", "pr_curve_raw", "scalar", "tensor_proto", "text", "video",
]  # fmt: skip
