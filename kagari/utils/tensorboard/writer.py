"""`SummaryWriter`, which a training tells what to show, and `FileWriter`, which has one event file."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ...nn import Module
from . import summary
from .embedding import Projector
from .graph import recorded
from .library import part, proto
from .onnx_graph import of_onnx
from .pictures import drawn

Event = proto("event").Event


class FileWriter:
    """An event file: a line of messages, each with a step and a time, written by a thread of its own.

    Args:
        log_dir (str or Path): the folder.
        max_queue (int): how many messages wait before whoever adds one has to. Default: 10
        flush_secs (int): after how many seconds they are written at the latest. Default: 120
        filename_suffix (str): the end of the file's name. Default: none
    """

    def __init__(
        self, log_dir: str | os.PathLike[str], max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = ""
    ) -> None:
        self._options = str(log_dir), max_queue, flush_secs, filename_suffix
        self.reopen()

    def get_logdir(self) -> str:
        """The folder."""
        folder: str = self.event_writer.get_logdir()
        return folder

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Adds a message, at a step and a time, which is now unless it is given."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds what the functions of :mod:`torch.utils.tensorboard.summary` make."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile: tuple[Any, Any], walltime: float | None = None) -> None:
        """Adds a graph and on which devices it ran, both messages of TensorBoard's."""
        graph, devices = graph_profile
        self.add_onnx_graph(graph, walltime)
        about = proto("event").TaggedRunMetadata(tag="step1", run_metadata=devices.SerializeToString())
        self.add_event(Event(tagged_run_metadata=about), None, walltime)

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Adds a graph, a message of TensorBoard's."""
        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Waits until all is written."""
        self.event_writer.flush()

    def close(self) -> None:
        """Writes what is there, and ends."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Begins a new file in the same folder."""
        self.event_writer = part("summary.writer.event_file_writer").EventFileWriter(*self._options)


def _buckets() -> list[float]:
    """Limits that grow by a tenth each, from 1e-12 to 1e20, below and above zero."""
    limits, limit = [], 1e-12
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    return [-limit for limit in reversed(limits)] + [0] + limits


class SummaryWriter:
    """Writes what a training does for TensorBoard, which shows it while it goes on.

    Args:
        log_dir (str or Path, optional): the folder of this run. Default: below `runs`, the time, the name of the
            machine and the comment
        comment (str): the end of that name. Default: none
        purge_step (int, optional): a run that is taken up again begins at this step; TensorBoard hides what an earlier
            file says of it and later ones.
        max_queue (int): how many messages wait before whoever adds one has to. Default: 10
        flush_secs (int): after how many seconds they are written at the latest. Default: 120
        filename_suffix (str): the end of the files' names. Default: none

    All methods take tensors, arrays of NumPy's and numbers; `global_step` is where the message stands in the training,
    and `walltime` when it happened, in seconds: now, if nothing is given.

    Raises ModuleNotFoundError, when it is imported, where the library `tensorboard` is missing.

    Example::

        >>> import os, tempfile
        >>> from kagari.utils.tensorboard import SummaryWriter
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with SummaryWriter(folder) as writer:
        ...         for step in range(3):
        ...             writer.add_scalar("loss", 1 / (step + 1), step)
        ...     len(os.listdir(folder))
        1
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step, self.max_queue, self.flush_secs = purge_step, max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str | os.PathLike[str], FileWriter] | None = None
        self.default_bins = _buckets()
        self._projector = Projector(Path(log_dir))
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        """The event file; a new one where the writer has been closed."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._opened(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step, log = self.purge_step, proto("event").SessionLog
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                self.file_writer.add_event(Event(step=step, session_log=log(status=log.START)))
                self.purge_step = None
        return self.file_writer

    def _opened(self, folder: str | os.PathLike[str]) -> FileWriter:
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _add(self, made: Any, global_step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(made, global_step, walltime)

    def get_logdir(self) -> str | os.PathLike[str]:
        """The folder."""
        return self.log_dir

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Adds what a run was trained with, and how good it became.

        Args:
            hparam_dict (dict): hyperparameters by name: booleans, texts, numbers or tensors of one.
            metric_dict (dict): results by name. A name that :meth:`add_scalar` has too is shown twice.
            hparam_domain_discrete (dict, optional): for a hyperparameter the list of values that it may have.
            run_name (str, optional): the name of the run, a folder below the writer's. Default: the time

        Raises TypeError for what are no dictionaries and for lists of other types, ValueError for values of others.
        """
        messages = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = os.path.join(self.log_dir, str(time.time()) if run_name is None else run_name)
        with SummaryWriter(log_dir=folder) as run:
            for message in messages:
                run._add(message, global_step, None)
            for name, value in metric_dict.items():
                run.add_scalar(name, value, global_step)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Adds a number.

        Args:
            tag (str): its name; what stands before a slash is a group.
            scalar_value (number, Tensor or array): the number.
            new_style (bool): whether it is written as a tensor, which loads faster. Default: ``False``
            double_precision (bool): whether such a tensor is float64. Default: ``False``

        Raises AssertionError for more than one number.
        """
        made = summary.scalar(tag, scalar_value, new_style=new_style, double_precision=double_precision)
        self._add(made, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Adds numbers that are shown in one chart, each from an event file of its own."""
        now = time.time() if walltime is None else walltime
        writers = self._writers()
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self._get_file_writer().get_logdir(), f"{main_tag.replace('/', '_')}_{tag}")
            if folder not in writers:
                writers[folder] = self._opened(folder)
            writers[folder].add_summary(summary.scalar(main_tag, value), global_step, now)

    def _writers(self) -> dict[str | os.PathLike[str], FileWriter]:
        self._get_file_writer()
        assert self.all_writers is not None
        return self.all_writers

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds a tensor with all its numbers. Raises ValueError for a dtype that event files don't have."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Adds a histogram.

        Args:
            tag (str): its name.
            values (Tensor or array): the numbers.
            bins (str, int or sequence): `"tensorflow"` for limits that grow by a tenth each, or what
                `numpy.histogram` takes.
            max_bins (int, optional): where there are more, neighbours are joined.

        Raises ValueError where there are no numbers.
        """
        limits = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, values, limits, max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds a histogram that has been counted.

        Args:
            tag (str): its name.
            min, max, num, sum, sum_squares (number): what all numbers are.
            bucket_limits (Tensor, array or sequence): the upper limit of each bucket.
            bucket_counts (Tensor, array or sequence): how many lie in each.

        Raises ValueError where these are not equally many.
        """
        counted = summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(counted, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Adds an image: bytes, or numbers from 0 to 1.

        Args:
            tag (str): its name.
            img_tensor (Tensor or array): 1, 3 or 4 channels.
            dataformats (str): which dimension is which. Default: ``"CHW"``

        Raises AssertionError for another number of dimensions.
        """
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Adds images beside each other, eight in a row; see :meth:`add_image`."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: str | Sequence[str] | None = None,
    ) -> None:
        """Adds an image with red boxes drawn on it.

        Args:
            tag (str): its name.
            img_tensor (Tensor or array): as in :meth:`add_image`.
            box_tensor (Tensor or array): (N, 4), the left, upper, right and lower edges.
            rescale (float): by how much it is made larger. Default: 1
            dataformats (str): which dimension is which. Default: ``"CHW"``
            labels (sequence of str, optional): what is written at each box.
        """
        named = [labels] if isinstance(labels, str) else labels
        made = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, named)
        self._add(made, global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Adds a figure of Matplotlib's as an image, or a list of figures of one size, and closes them."""
        formats = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, drawn(figure, close), global_step, walltime, formats)

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """Adds films (N, T, C, H, W) beside each other: bytes, or numbers from 0 to 1.

        Pillow writes them as a GIF, which has 256 colours and hundredths of a second.
        """
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Adds a sound of one channel: numbers from -1 to 1, with a warning where they are not.

        Raises AssertionError for more than one channel.
        """
        self._add(summary.audio(tag, snd_tensor, sample_rate=sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Adds a text, which is shown as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_graph(
        self, model: Module, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Adds the graph of a model, as one run of it goes.

        Args:
            model (Module): the model.
            input_to_model (Tensor or tuple): what it is called with.
            verbose (bool): whether the graph is printed, too. Default: ``False``
            use_strict_trace (bool): has no effect, as a run may return anything.
        """
        graph, devices = recorded(model, input_to_model)
        if verbose:
            for node in graph.node:
                print(f"{node.name} = {node.op}({', '.join(node.input)})")
        self._get_file_writer().add_graph((graph, devices))

    def add_onnx_graph(self, prototxt: str | os.PathLike[str]) -> None:
        """Adds the graph of a model in a file of ONNX's."""
        self._get_file_writer().add_onnx_graph(of_onnx(prototxt))

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Sequence[str] | None = None,
    ) -> None:
        """Adds points for the projector.

        Args:
            mat (Tensor or array): (N, D), the points.
            metadata (sequence, optional): what each is called; with a header, a row of cells for each.
            label_img (Tensor or array, optional): (N, C, H, W), a picture of each.
            tag (str): the name of the points. Default: ``"default"``
            metadata_header (sequence of str, optional): the names of the columns.

        Raises AssertionError where these don't fit together.
        """
        step = f"{int(global_step or 0):05}"
        self._projector.add(mat, metadata, label_img, step, tag, metadata_header)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds a curve of precision over recall.

        Args:
            tag (str): its name.
            labels (Tensor or array): what is right, 0 or 1.
            predictions (Tensor or array): how probable 1 is.
            num_thresholds (int): how many points the curve has, 127 at most. Default: 127
            weights (Tensor or array, optional): how much each counts.
        """
        made = summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds a curve of precision over recall that has been computed, from counts at each threshold."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        made = summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds, weights)
        self._add(made, global_step, walltime)

    def add_custom_scalars_multilinechart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Has several scalars shown in one chart."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Has a scalar shown between two others. Raises AssertionError for other than three."""
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        """Has scalars shown in charts.

        Args:
            layout (dict): by category, and there by the title of a chart, a list of `"Multiline"` or `"Margin"` and the
                tags. A chart with a margin has three: a value, and below and above which it lies.
        """
        self._add(summary.custom_scalars(layout), None, None)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Mapping[str, Any] | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Adds points in space, and triangles between them.

        Args:
            tag (str): its name.
            vertices (Tensor or array): (B, N, 3), the points.
            colors (Tensor or array, optional): (B, N, 3), numbers from 0 to 255.
            faces (Tensor or array, optional): (B, M, 3), the points of each triangle.
            config_dict (dict, optional): the camera, the light and the material, as THREE.js has them.
        """
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def flush(self) -> None:
        """Waits until all is written."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Writes what is there, and closes all files. What is added later begins a new one."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


__all__ = ["FileWriter", "SummaryWriter"]
