"""What a training does, written into files that TensorBoard shows: `torch.utils.tensorboard`.

The files are those of the library `tensorboard` (`pip install 'kagari[tensorboard]'`), which writes them.
"""

from __future__ import annotations

from . import summary, writer
from .library import part
from .writer import FileWriter, SummaryWriter

RecordWriter = part("summary.writer.record_writer").RecordWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter", "summary", "writer"]
