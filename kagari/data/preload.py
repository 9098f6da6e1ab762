"""What a server that forks workers loads once, so that no worker has to: the first batch comes many times sooner."""

from __future__ import annotations

from ..eager import rows

rows.prepare()
