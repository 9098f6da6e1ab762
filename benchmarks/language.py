"""Models of text: each is built from a seed and gives a function that does one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .framework import Framework, Step, TrainStep

GPT_LAYERS, GPT_WIDTH, GPT_HEADS = 6, 384, 6
GPT_VOCABULARY = 65
GPT_BATCH, GPT_SEQUENCE = 8, 256
GENERATED = 64
LSTM_VOCABULARY, LSTM_WIDTH, LSTM_LAYERS = 10_000, 200, 2
LSTM_BATCH, LSTM_SEQUENCE = 20, 35


def gpt(torch: Framework) -> Any:
    """A decoder with normalisation before each part, called with tokens (B, T) and a cache of keys and values or None.

    The shape is that of character-level models such as nanoGPT's. Source: Radford and others, Language Models are
    Unsupervised Multitask Learners, 2019.
    """
    nn = torch.nn
    F = nn.functional

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(GPT_WIDTH), nn.LayerNorm(GPT_WIDTH)
            self.qkv, self.out = nn.Linear(GPT_WIDTH, 3 * GPT_WIDTH), nn.Linear(GPT_WIDTH, GPT_WIDTH)
            self.up, self.down = nn.Linear(GPT_WIDTH, 4 * GPT_WIDTH), nn.Linear(4 * GPT_WIDTH, GPT_WIDTH)

        def attend(self, x: Any, cache: list[Any] | None) -> Any:
            batch, length, width = x.shape
            parts = self.qkv(x).split(width, dim=2)
            q, k, v = [part.view(batch, length, GPT_HEADS, -1).transpose(1, 2) for part in parts]  # (B, H, T, E)
            if cache is not None:
                if cache:
                    k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
                cache[:] = k, v
            y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
            return self.out(y.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x: Any, cache: list[Any] | None = None) -> Any:
            x = x + self.attend(self.norm1(x), cache)
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(GPT_VOCABULARY, GPT_WIDTH)
            self.places = nn.Embedding(GPT_SEQUENCE, GPT_WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(GPT_LAYERS)])
            self.norm, self.head = nn.LayerNorm(GPT_WIDTH), nn.Linear(GPT_WIDTH, GPT_VOCABULARY, bias=False)

        def forward(self, tokens: Any, caches: list[list[Any]] | None = None) -> Any:
            past = caches[0][0].shape[2] if caches and caches[0] else 0
            x = self.tokens(tokens) + self.places(torch.arange(past, past + tokens.shape[1]))
            for i, block in enumerate(self.blocks):
                x = block(x, caches[i] if caches else None)
            return self.head(self.norm(x))

    torch.manual_seed(0)
    return GPT()


def gpt_training(torch: Framework, autocast: bool = False) -> tuple[Any, TrainStep]:
    """The GPT's prediction of the next token: cross entropy, AdamW; with `autocast`, in bfloat16 where that is safe."""
    model = gpt(torch)
    tokens = torch.randint(0, GPT_VOCABULARY, (GPT_BATCH, GPT_SEQUENCE + 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)

    def step() -> list[Any]:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = model(tokens[:, :-1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return [loss]

    return model, step


def gpt_autocast(torch: Framework) -> tuple[Any, TrainStep]:
    """The GPT trained by autocast."""
    return gpt_training(torch, autocast=True)


def gpt_forward(torch: Framework) -> Step:
    """The GPT's logits."""
    model = gpt(torch).eval()
    tokens = torch.randint(0, GPT_VOCABULARY, (GPT_BATCH, GPT_SEQUENCE))

    def step() -> Any:
        with torch.no_grad():
            return model(tokens)

    return step


def gpt_generation(torch: Framework) -> Callable[[], Any]:
    """The likeliest token after those so far, again and again, with keys and values kept; returns the tokens."""
    model = gpt(torch).eval()
    prompt = torch.randint(0, GPT_VOCABULARY, (1, 8))

    def step() -> Any:
        caches: list[list[Any]] = [[] for _ in range(GPT_LAYERS)]
        tokens, made = prompt, []
        with torch.no_grad():
            for _ in range(GENERATED):
                tokens = model(tokens, caches)[:, -1:].argmax(-1)
                made.append(tokens)
        return torch.cat(made, 1)

    return step


def lstm_training(torch: Framework) -> tuple[Any, TrainStep]:
    """Embedding, two LSTM layers and a linear layer over 10,000 words: cross entropy, clipped gradients, SGD.

    Source: Zaremba and others, Recurrent Neural Network Regularization, 2014 (arXiv 1409.2329).
    """
    torch.manual_seed(0)
    nn = torch.nn

    class Model(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(LSTM_VOCABULARY, LSTM_WIDTH)
            self.lstm = nn.LSTM(LSTM_WIDTH, LSTM_WIDTH, LSTM_LAYERS)
            self.head = nn.Linear(LSTM_WIDTH, LSTM_VOCABULARY)

        def forward(self, words: Any) -> Any:
            return self.head(self.lstm(self.words(words))[0])

    model = Model()
    words = torch.randint(0, LSTM_VOCABULARY, (LSTM_SEQUENCE + 1, LSTM_BATCH))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(words[:-1]).flatten(0, 1), words[1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        return [loss]

    return model, step
