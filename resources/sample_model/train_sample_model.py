#!/usr/bin/env python3
"""Train the sample model: a small Llama on the King James Bible.

Needs Debian's packages bible-kjv, bible-kjv-text, python3-torch and
libopenblas0-pthread (without the last one torch multiplies matrices ten times
more slowly). Then

    python3 train_sample_model.py

writes config.json, model.safetensors, tokenizer.json and heldout.txt beside
this script. A run can be interrupted: it continues from its last checkpoint,
which is deleted at the end.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import time

# These act only if they are set before the libraries start, hence the restart.
# malloc: by default glibc maps and unmaps every large tensor, and the page
# faults then take more time than the arithmetic. Threads: on a machine that has
# other work, threads that spin at a barrier keep the late one from running.
ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    "OPENBLAS_NUM_THREADS": "1",
}
if __name__ == "__main__" and "MALLOC_TOP_PAD_" not in os.environ:
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ENVIRONMENT)

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from tokenizer import BOS, EOS, SPECIAL_TOKENS, Tokenizer, learn_merges

# The model
VOCABULARY = 2048
HIDDEN = 256  # rows must hold two groups of 128 weights
MLP = 768
LAYERS = 4
HEADS = 4
KV_HEADS = 2
HEAD_DIM = 64
CONTEXT = 256
ROPE_THETA = 10000.0
NORM_EPS = 1e-5

# The training
BATCH = 4
LEARNING_RATE = 2e-3
WARM_UP_STEPS = 150
BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.1
CLIP_NORM = 1.0
DROPOUT = 0.1  # the corpus is read many times: without it the model memorises
AVERAGE_DECAY = 0.998  # of the running mean of the weights that is exported

# The split: of every 20 chapters one is held out
SPLIT_PERIOD, SPLIT_REMAINDER = 20, 10

CHECKPOINT_SECONDS = 120
REPORT_STEPS = 500
REPORT_WINDOWS = 48


# --- corpus -------------------------------------------------------------------


def read_chapters():
    """All 1,189 chapters, each with one verse a line."""
    output = subprocess.run(
        ["bible", "-f", "gen1:1-rev22:21"], check=True, capture_output=True, text=True
    ).stdout
    chapters = {}
    for line in output.splitlines():
        reference, verse = line.split(" ", 1)  # "1Sm3:2 And the child ..."
        chapters.setdefault(reference.split(":")[0], []).append(verse.strip())
    return ["\n".join(verses) for verses in chapters.values()]


def split_corpus(chapters):
    """Training and held-out text, with an empty line between chapters."""
    training, held_out = [], []
    for index, chapter in enumerate(chapters):
        is_held_out = index % SPLIT_PERIOD == SPLIT_REMAINDER
        (held_out if is_held_out else training).append(chapter)
    return "\n\n".join(training) + "\n", "\n\n".join(held_out) + "\n"


# --- baselines ----------------------------------------------------------------


def unigram_nll(training, held_out):
    """Mean negative log likelihood, one added to every count."""
    count = np.bincount(training, minlength=VOCABULARY) + 1
    return -np.log(count / count.sum())[held_out].mean()


class KneserNey:
    """Interpolated Kneser-Ney, one discount for each order."""

    def __init__(self, ids, order):
        self.order = order
        ids = ids.tolist()
        grams = [
            collections.Counter(zip(*(ids[i:] for i in range(n))))
            for n in range(1, order + 1)
        ]
        self.levels = []
        for n in range(1, order + 1):
            # The highest order counts occurrences, the lower ones count in how
            # many different contexts a sequence occurs.
            if n == order:
                counts = grams[n - 1]
            else:
                counts = collections.Counter(gram[1:] for gram in grams[n])
            once = sum(1 for c in counts.values() if c == 1)
            twice = sum(1 for c in counts.values() if c == 2)
            discount = once / (once + 2 * twice) if once else 0.5
            total, kinds = collections.Counter(), collections.Counter()
            for gram, c in counts.items():
                total[gram[:-1]] += c
                kinds[gram[:-1]] += 1
            self.levels.append((counts, total, kinds, discount))

    def nll(self, ids):
        ids = ids.tolist()
        summed = 0.0
        for i, token in enumerate(ids):
            p = 1 / VOCABULARY
            for n, (counts, total, kinds, discount) in enumerate(self.levels):
                history = tuple(ids[max(0, i - n) : i])
                if len(history) < n or history not in total:
                    break
                seen = max(counts.get(history + (token,), 0) - discount, 0)
                p = (seen + discount * kinds[history] * p) / total[history]
            summed -= math.log(p)
        return summed / len(ids)


# --- model --------------------------------------------------------------------


class Linear(nn.Linear):
    """A linear layer without bias that can multiply in BF16 while training.

    The weights stay in F32. BF16 is about twice as fast on processors that
    have instructions for it, and useless on others.
    """

    bfloat16 = False

    def __init__(self, inputs, outputs, std):
        super().__init__(inputs, outputs, bias=False)
        nn.init.normal_(self.weight, std=std)

    def forward(self, x):
        return multiply(x, self.weight, self.bfloat16 and self.training)


def multiply(x, weight, bfloat16):
    if bfloat16:
        return F.linear(x.bfloat16(), weight.bfloat16()).float()
    return F.linear(x, weight)


class RMSNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPS) * self.weight


def rotary_tables():
    frequency = ROPE_THETA ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    angle = torch.outer(torch.arange(CONTEXT), frequency)
    return torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)


def rotate(x, cos, sin):
    """Rotary position, halves paired as in Hugging Face's Llama."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Layer(nn.Module):
    """q, k, v and gate, up are one matrix each here: fewer, larger products."""

    def __init__(self):
        super().__init__()
        std, residual_std = 0.02, 0.02 / math.sqrt(2 * LAYERS)
        self.attention_norm = RMSNorm()
        self.qkv = Linear(HIDDEN, (HEADS + 2 * KV_HEADS) * HEAD_DIM, std)
        self.o = Linear(HEADS * HEAD_DIM, HIDDEN, residual_std)
        self.mlp_norm = RMSNorm()
        self.gate_up = Linear(HIDDEN, 2 * MLP, std)
        self.down = Linear(MLP, HIDDEN, residual_std)

    def attend(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        qkv = self.qkv(x).view(batch, length, -1, HEAD_DIM).transpose(1, 2)
        q, k, v = qkv.split([HEADS, KV_HEADS, KV_HEADS], 1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        # Query heads that share a key head are stacked along the positions.
        q = q.reshape(batch, KV_HEADS, -1, HEAD_DIM)
        if Linear.bfloat16 and self.training:
            q, k, v = q.bfloat16(), k.bfloat16(), v.bfloat16()
        scores = (q @ (k * HEAD_DIM**-0.5).transpose(-1, -2)).float()
        scores = scores.view(batch, HEADS, length, length) + mask
        weights = scores.softmax(-1).view(batch, KV_HEADS, -1, length)
        mixed = (weights.to(v.dtype) @ v).float().view(batch, HEADS, length, HEAD_DIM)
        return self.o(mixed.transpose(1, 2).reshape(batch, length, -1))

    def forward(self, x, cos, sin, mask):
        drop = DROPOUT if self.training else 0.0
        attended = self.attend(self.attention_norm(x), cos, sin, mask)
        x = x + F.dropout(attended, drop)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + F.dropout(self.down(F.silu(gate) * up), drop)


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = RMSNorm()
        cos, sin = rotary_tables()
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        mask = torch.full((CONTEXT, CONTEXT), -torch.inf).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, ids):
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        mask = self.mask[:length, :length]
        x = F.dropout(self.embedding(ids), DROPOUT if self.training else 0.0)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        # Tied: the embedding is the head.
        bfloat16 = Linear.bfloat16 and self.training
        return multiply(self.norm(x), self.embedding.weight, bfloat16)


# --- training -----------------------------------------------------------------


class Windows:
    """Training batches by step number: any step can be had again.

    Each epoch cuts the text at a new offset into pieces of CONTEXT ids and
    shuffles them. A window is BOS and a piece without its last id, just as
    the evaluation has it; it predicts the piece.
    """

    def __init__(self, ids, seed):
        self.ids = ids
        self.seed = seed
        self.steps_per_epoch = (len(ids) // CONTEXT - 1) // BATCH
        self.epoch = -1

    def batch(self, step):
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self.epoch:
            rng = np.random.RandomState([self.seed, epoch])
            offset = rng.randint(CONTEXT)
            count = (len(self.ids) - offset) // CONTEXT
            self.starts = offset + CONTEXT * rng.permutation(count)
            self.epoch = epoch
        starts = self.starts[index * BATCH : (index + 1) * BATCH]
        pieces = torch.stack([self.ids[s : s + CONTEXT] for s in starts])
        return with_bos(pieces[:, :-1]), pieces


def with_bos(pieces):
    return F.pad(pieces, (1, 0), value=BOS)


def learning_rate(step, steps, decay_steps):
    """Warm-up, a constant stretch, then a straight line down to zero.

    Unlike a cosine it lets one lengthen or shorten a run that is under way.
    """
    warm_up = (step + 1) / WARM_UP_STEPS
    decay = (steps - step) / decay_steps
    return LEARNING_RATE * min(warm_up, 1, decay)


def mean_nll(logits, targets):
    # Cross entropy; torch's own is not vectorised and took an eighth of a step.
    at_target = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (logits.logsumexp(-1) - at_target).mean()


def held_out_nll(model, ids, limit=None):
    """Mean over windows of BOS and CONTEXT - 1 ids; a short last one is dropped."""
    count = len(ids) // (CONTEXT - 1)
    windows = with_bos(ids[: count * (CONTEXT - 1)].view(count, CONTEXT - 1))[:limit]
    model.eval()
    summed = 0.0
    with torch.no_grad():
        for batch in windows.split(8):
            logits = model(batch[:, :-1]).flatten(0, 1)
            summed += F.cross_entropy(
                logits, batch[:, 1:].flatten(), reduction="sum"
            ).item()
    model.train()
    return summed / (len(windows) * (CONTEXT - 1))


def train(training_ids, held_out_ids, options):
    torch.manual_seed(options.seed)
    model, averaged = Llama(), Llama()
    averaged.load_state_dict(model.state_dict())
    print(f"{sum(p.numel() for p in model.parameters()):,} weights")
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": WEIGHT_DECAY},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=BETAS,
        foreach=True,
    )
    windows = Windows(training_ids, options.seed)
    step, seconds, losses = 0, 0.0, []
    if options.checkpoint.exists():
        state = torch.load(options.checkpoint)
        model.load_state_dict(state["model"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        step, seconds, losses = state["step"], state["seconds"], state["losses"]
        print(f"continuing after step {step}")

    def save():
        state = {
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "seconds": seconds,
            "losses": losses,
        }
        temporary = options.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(options.checkpoint)

    parameters, means = list(model.parameters()), list(averaged.parameters())
    model.train()
    start = saved = time.monotonic()
    start -= seconds
    while step < options.steps:
        rate = learning_rate(step, options.steps, options.decay_steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Dropout depends on the step alone, so an interruption changes nothing.
        torch.manual_seed((options.seed + 1) * 1_000_003 + step)
        inputs, targets = windows.batch(step)
        loss = mean_nll(model(inputs), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        step += 1
        # Early on the mean must follow quickly, hence the second term.
        decay = min(AVERAGE_DECAY, step / (step + 10))
        with torch.no_grad():
            torch._foreach_mul_(means, decay)
            torch._foreach_add_(means, parameters, alpha=1 - decay)
        losses.append(loss.item())

        now = time.monotonic()
        seconds = now - start
        if step % REPORT_STEPS == 0:
            nll = held_out_nll(model, held_out_ids, REPORT_WINDOWS)
            averaged_nll = held_out_nll(averaged, held_out_ids, REPORT_WINDOWS)
            print(
                f"step {step}/{options.steps}, {seconds:.0f} s, rate {rate:.2e}: "
                f"training {math.exp(np.mean(losses[-REPORT_STEPS:])):.2f}, held-out "
                f"(part) {math.exp(nll):.2f}, averaged {math.exp(averaged_nll):.2f}",
                flush=True,
            )
        if now - saved > CHECKPOINT_SECONDS:
            save()
            saved = now
    save()
    tokens = step * BATCH * CONTEXT
    print(
        f"{step} steps, {tokens:,} tokens, {step / windows.steps_per_epoch:.1f} epochs, "
        f"{seconds / 60:.0f} minutes"
    )
    return averaged


# --- export -------------------------------------------------------------------


def hugging_face_tensors(model):
    """Name to F16 tensor, with the joined matrices taken apart."""
    tensors = {
        "model.embed_tokens.weight": model.embedding.weight,
        "model.norm.weight": model.norm.weight,
    }
    for index, layer in enumerate(model.layers):
        q, k, v = layer.qkv.weight.split(
            [HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM]
        )
        gate, up = layer.gate_up.weight.chunk(2)
        parts = {
            "input_layernorm": layer.attention_norm.weight,
            "self_attn.q_proj": q,
            "self_attn.k_proj": k,
            "self_attn.v_proj": v,
            "self_attn.o_proj": layer.o.weight,
            "post_attention_layernorm": layer.mlp_norm.weight,
            "mlp.gate_proj": gate,
            "mlp.up_proj": up,
            "mlp.down_proj": layer.down.weight,
        }
        for name, tensor in parts.items():
            tensors[f"model.layers.{index}.{name}.weight"] = tensor
    return {
        name: tensor.detach().half().contiguous().numpy()
        for name, tensor in tensors.items()
    }


def write_safetensors(path, tensors):
    """All tensors are F16, so the usual order (by type, then name) is by name."""
    header = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in sorted(tensors.items()):
        header[name] = {
            "dtype": "F16",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, tensor in sorted(tensors.items()):
            file.write(tensor.astype("<f2").tobytes())


def write_config(path):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "intermediate_size": MLP,
        "max_position_embeddings": CONTEXT,
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": KV_HEADS,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": ROPE_THETA,
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "vocab_size": VOCABULARY,
    }
    path.write_text(json.dumps(config, indent=2) + "\n")


def round_to_half(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())


# --- main ---------------------------------------------------------------------


def parse_options():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description="Train the sample model on the King James Bible."
    )
    parser.add_argument(
        "--out",
        type=pathlib.Path,
        default=here,
        metavar="FOLDER",
        help="default: the folder of this script",
    )
    parser.add_argument(
        "--checkpoint",
        type=pathlib.Path,
        metavar="FILE",
        help="default: checkpoint.pt in the output folder",
    )
    parser.add_argument("--steps", type=int, default=8000, metavar="N")
    parser.add_argument(
        "--decay-steps",
        type=int,
        default=3000,
        metavar="N",
        help="over how many steps the learning rate falls to zero at the end",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="more than 1 pays only on a machine without other work",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="multiply in BF16 while training (faster with AVX512-BF16 or AMX)",
    )
    parser.add_argument(
        "--skip-baselines", action="store_true", help="do not train the n-gram models"
    )
    options = parser.parse_args()
    if options.checkpoint is None:
        options.checkpoint = options.out / "checkpoint.pt"
    return options


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    Linear.bfloat16 = options.bfloat16
    options.out.mkdir(parents=True, exist_ok=True)

    training_text, held_out_text = split_corpus(read_chapters())
    (options.out / "heldout.txt").write_text(held_out_text)
    merges = learn_merges(training_text, VOCABULARY - 256 - len(SPECIAL_TOKENS))
    tokenizer = Tokenizer(merges)
    tokenizer.save(options.out / "tokenizer.json")
    training_ids = np.array(tokenizer.encode(training_text))
    held_out_ids = np.array(tokenizer.encode(held_out_text))
    print(
        f"training {len(training_text):,} bytes, {len(training_ids):,} tokens; "
        f"held out {len(held_out_text):,} bytes, {len(held_out_ids):,} tokens"
    )

    # The baselines predict the same ids as the model's windows do. They see
    # the whole text before each, across the windows' edges.
    predicted = held_out_ids[: len(held_out_ids) // (CONTEXT - 1) * (CONTEXT - 1)]
    if not options.skip_baselines:
        print(f"unigram {math.exp(unigram_nll(training_ids, predicted)):.2f}")
        for order in (2, 3, 4, 5):
            nll = KneserNey(training_ids, order).nll(predicted)
            print(f"Kneser-Ney {order} {math.exp(nll):.2f}", flush=True)

    held_out_ids = torch.from_numpy(held_out_ids)
    model = train(torch.from_numpy(training_ids), held_out_ids, options)
    round_to_half(model)
    nll = held_out_nll(model, held_out_ids)
    names = list(tokenizer.vocabulary)
    size = sum(len(names[index]) for index in predicted)  # a character is a byte
    bits = nll * len(predicted) / size / math.log(2)
    print(f"held-out perplexity {math.exp(nll):.3f} a token, {bits:.3f} bits a byte")
    write_config(options.out / "config.json")
    write_safetensors(options.out / "model.safetensors", hugging_face_tensors(model))
    options.checkpoint.unlink()


if __name__ == "__main__":
    main()
