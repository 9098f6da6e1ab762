"""How far a pass over the data has come, so that another program can go on from there.

A state says where the random generators stood when the pass began, how many lists of indices were drawn since, and
which of them the workers were at. Who goes on draws the same indices again, gives the workers those that were under
way, and sets the generators to where they stood at last. Streams are told their state, or read up to where they were.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from ..eager import Generator
from ..eager.random import default_generator
from .sampler import BatchSampler

_NONE = object()


class Progress:
    """What is known of a pass, and outlives it.

    `seed` is that of the workers, and `seeds` when the pass drew it: before its indices, after, or not at all.
    """

    def __init__(self, samplers: Sequence[Any], generators: list[Generator]) -> None:
        self.generators = generators
        # A shorter list of indices is the last one: the sampler is at its end then, or at its beginning again.
        self.size = samplers[0].batch_size if isinstance(samplers[0], BatchSampler) else None
        self.began = [g.get_state() for g in generators]
        self.seed, self.seeds = 0, ""
        self.drawn = 0
        self.open: deque[tuple[int, int]] = deque()  # tasks under way: label and worker
        self.active: list[bool] = []
        self.turn = self.room = 0
        self.fetch: Any = None  # where there are no workers, what reads
        self.streams: list[Any] = []  # of each worker
        self.ended = False  # whether no index is left to draw
        self.finished = False  # whether the last batch was taken, and one more asked for
        self.sampler = stateful_of(samplers)
        self.sampler_states = [] if self.sampler is None else [(0, self._of_sampler())]

    def draw(self, indices: Iterator[Any], default: Any) -> Any:
        """The next of the indices."""
        found = default if self.ended else next(indices, default)
        if found is default:
            self.ended = True
        else:
            self.drawn += 1
            self.ended = self.size is not None and len(found) < self.size
            if self.sampler is not None:
                first = min((label for label, _ in self.open), default=self.drawn - 1)
                self.sampler_states = [s for s in self.sampler_states if s[0] >= first]
                self.sampler_states.append((self.drawn, self._of_sampler()))
        return found

    def _of_sampler(self) -> Any:
        assert self.sampler is not None
        return copy.deepcopy(self.sampler.state_dict())

    def state(self) -> dict[str, Any]:
        """All of it, in containers, numbers and tensors, but for what data sets and samplers say of themselves."""
        first = min((label for label, _ in self.open), default=self.drawn)
        streams = self.streams if self.fetch is None else [self.fetch.state()]
        return {
            "began": self.began, "seed": self.seed, "seeds": self.seeds, "drawn": self.drawn,
            "open": [list(task) for task in self.open], "active": list(self.active), "turn": self.turn,
            "room": self.room, "ended": self.ended, "streams": copy.deepcopy(streams),
            "sampler": next((s for label, s in self.sampler_states if label == first), None),
        }  # fmt: skip

    def go_on(self, state: dict[str, Any]) -> None:
        """Sets the generators and the sampler back to where the pass began, or where its first open task did."""
        set_generators(self.generators, state["began"])
        self.began, self.seed, self.seeds = state["began"], state["seed"], state["seeds"]
        if self.sampler is not None and state["sampler"] is not None:
            self.sampler.load_state_dict(state["sampler"])
            self.drawn = min((label for label, _ in state["open"]), default=state["drawn"])
            self.sampler_states = [(self.drawn, copy.deepcopy(state["sampler"]))]

    def draw_again(self, indices: Iterator[Any], state: dict[str, Any], is_exact: bool) -> list[tuple[int, int, Any]]:
        """The tasks that were under way: label, worker and index; none, and they come next, unless it has to be exact.

        Raises ValueError where there are not as many indices, or where tasks without a gap are needed.
        """
        workers = dict(state["open"])
        end = state["drawn"]
        if not is_exact:
            end -= len(workers)
            if any(label < end for label in workers):
                raise ValueError(
                    "the state is of a pass whose batches came as they were ready: to go on there have to be as many "
                    "workers, with the same prefetch_factor"
                )
        found = []
        while self.drawn < end:
            label = self.drawn
            index = self.draw(indices, _NONE)
            if index is _NONE:
                raise ValueError(
                    f"the state is of a pass that had come to batch {end}, but there are {label}: the data set or the "
                    "sampler is another one"
                )
            if label in workers:
                self.open.append((label, workers[label]))
                found.append((label, workers[label], index))
        # What only samplers draw from stands right by itself; from the default generator others have drawn, too.
        for generator, now in zip(self.generators, state["now"]):
            if generator is default_generator or self.drawn == state["drawn"]:
                generator.set_state(now)
        self.ended = state["ended"] and self.drawn == state["drawn"]
        return found


def is_stateful(found: Any) -> bool:
    """Whether it can say where it is, and go there."""
    return callable(getattr(found, "state_dict", None)) and callable(getattr(found, "load_state_dict", None))


def stateful_of(samplers: Sequence[Any]) -> Any:
    """The first sampler that can say where it is."""
    return next((sampler for sampler in samplers if is_stateful(sampler)), None)


def samplers_of(*samplers: Any) -> list[Any]:
    """The samplers, and those inside of them, the outermost first."""
    found: list[Any] = []
    for sampler in samplers:
        while sampler is not None and not any(sampler is known for known in found):
            found.append(sampler)
            sampler = getattr(sampler, "sampler", None)
    return found


def generators_of(loader_generator: Generator | None, samplers: Sequence[Any]) -> list[Generator]:
    """All generators that a pass draws from; `None` in a place of one means the default generator."""
    given = [loader_generator, *(s.generator for s in samplers if hasattr(s, "generator"))]
    found: list[Generator] = []
    for generator in (default_generator if g is None else g for g in given):
        if isinstance(generator, Generator) and not any(generator is known for known in found):
            found.append(generator)
    return found


def set_generators(generators: Sequence[Generator], states: Sequence[Any]) -> None:
    """Puts generators where they stood."""
    for generator, state in zip(generators, states):
        generator.set_state(state)


__all__ = ["Progress", "generators_of", "is_stateful", "samplers_of", "set_generators", "stateful_of"]
