#!/usr/bin/python3
"""The peer of the panel: a net of cnn-net(5) in PyTorch, timed.

    torch_net.py NET BATCH STEPS off|bf16 train|infer THREADS

Builds the net from its text, of the layers in LAYERS, add and cross_entropy, with
one input and one loss at the end. Each step gathers a batch from random uint8
images in memory and scales it by 1/255; then Adam takes a step (train), or the net
gives its logits (infer). Tuned like torch_epoch.py: channels_last, gradients set to
None, and an environment by tests/bench/run. Prints, with tabs between: images a
second, by the median of the second half of the steps; the version; and whose BLAS
was loaded.
"""
import re
import statistics
import sys
import time
import warnings

import torch
from torch import nn

SAMPLES = 2560
CLASSES = 10


def pair(text):
    """3 or 3x5."""
    sizes = [int(size) for size in text.split("x")]
    return sizes[0], sizes[-1]


def conv2d(a):
    return nn.LazyConv2d(
        int(a["out"]), pair(a["kernel"]), pair(a.get("stride", "1")),
        pair(a.get("padding", "0")), pair(a.get("dilation", "1")),
        int(a.get("groups", 1)), a.get("bias") != "false")


def pool(layer):
    return lambda a: layer(
        pair(a["kernel"]), pair(a.get("stride", a["kernel"])),
        pair(a.get("padding", "0")))


class Normalize(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.mean, self.std = float(a.get("mean", 0)), float(a.get("std", 1))

    def forward(self, x):
        return (x - self.mean) / self.std


LAYERS = {
    "conv2d": conv2d,
    "linear": lambda a: nn.LazyLinear(int(a["out"]), a.get("bias") != "false"),
    "relu": lambda a: nn.ReLU(),
    "normalize": Normalize,
    "maxpool2d": pool(nn.MaxPool2d),
    "avgpool2d": pool(nn.AvgPool2d),
    "batchnorm2d": lambda a: nn.LazyBatchNorm2d(
        float(a.get("eps", 1e-5)), float(a.get("momentum", 0.1))),
    "dropout": lambda a: nn.Dropout(float(a.get("p", 0.5))),
    "flatten": lambda a: nn.Flatten(),
}


class Net(nn.Module):
    """Up to the logits. The shape is that of a sample."""

    def __init__(self, text):
        super().__init__()
        self.shape = None
        self.layers = nn.ModuleList()
        self.sources = []        # of each layer, as numbers: 0 is the input
        numbers, of_type = {}, {}
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            name = words.pop(0)[:-1] if words[0].endswith(":") else None
            kind = words.pop(0)
            of_type[kind] = of_type.get(kind, 0) + 1
            if kind == "input" and self.shape is None:
                self.shape = [int(size) for size in words[0].split("x")]
                numbers[name or "input"] = 0
                continue
            a = dict(word.split("=", 1) for word in words)
            before = [len(self.layers)]
            sources = [numbers[s] for s in a["from"].split(",")] if "from" in a else before
            if kind == "cross_entropy":
                if sources != before:
                    sys.exit("torch_net.py: the loss must follow the logits")
                break
            if kind != "add" and kind not in LAYERS:
                sys.exit("torch_net.py: no layer " + kind)
            self.layers.append(nn.Identity() if kind == "add" else LAYERS[kind](a))
            self.sources.append(sources)
            numbers[name or kind + str(of_type[kind])] = len(self.layers)
        # After its last use a value is freed, as in a Sequential.
        last = {s: n for n, sources in enumerate(self.sources) for s in sources}
        self.done = [[s for s in last if last[s] == n] for n in range(len(self.layers))]

    def forward(self, x):
        values = {0: x}
        for n, layer in enumerate(self.layers):
            x, *others = (values[s] for s in self.sources[n])
            for other in others:
                x = x + other
            x = values[n + 1] = layer(x)
            for s in self.done[n]:
                del values[s]
        return x


def batches(shape, batch):
    """Random images and labels, as they come from memory."""
    channels, height, width = shape
    images = torch.randint(0, 256, (SAMPLES, height, width, channels), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (SAMPLES,))
    while True:
        part = torch.randint(0, SAMPLES, (batch,))
        # A view of them in channels_last, which float() keeps.
        yield images[part].permute(0, 3, 1, 2).float().mul_(1 / 255), labels[part]


def train(net, data, bf16):
    """After each step: its seconds."""
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    net.train()
    while True:
        start = time.perf_counter()
        x, y = next(data)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = net(x)
        loss = loss_of(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield time.perf_counter() - start


def infer(net, data, bf16):
    """After each batch: its seconds. In one autocast weights are converted once."""
    net.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        while True:
            start = time.perf_counter()
            net(next(data)[0]).argmax(1)
            yield time.perf_counter() - start


def blas():
    """Debian's libblas.so.3 is whatever alternative is installed."""
    if torch.backends.mkl.is_available():
        return "MKL"
    try:
        with open("/proc/self/maps") as f:
            found = re.search(r"/[^/\n]*(openblas|blis|atlas)[^/\n]*$", f.read(), re.M)
    except OSError:
        return "unknown BLAS"
    return found.group(1) if found else "reference BLAS"


def main():
    path, amp, mode = sys.argv[1], sys.argv[4], sys.argv[5]
    batch, steps, threads = (int(sys.argv[i]) for i in (2, 3, 6))
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    warnings.filterwarnings("ignore", message="Lazy modules")
    with open(path) as f:
        net = Net(f.read())
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, *net.shape))              # makes the lazy parameters
    net = net.to(memory_format=torch.channels_last)
    timed = (train if mode == "train" else infer)(
        net, batches(net.shape, batch), amp == "bf16")
    seconds = [next(timed) for _ in range(steps)]
    speed = batch / statistics.median(seconds[steps // 2:])
    print("%.1f\t%s\t%s" % (speed, torch.__version__.split("+")[0], blas()))


if __name__ == "__main__":
    main()
