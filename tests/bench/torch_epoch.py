#!/usr/bin/python3
"""The peer of `make bench`: the seed network in PyTorch.

    torch_epoch.py TRAIN.tns TEST.tns off|bf16 BATCH THREADS BATCHES

Tuned as far as PyTorch goes without changing what is computed: channels_last,
the data decoded and in memory before the clock starts, a warm-up before it. The
environment is part of that and set by tests/bench/run: malloc keeps its pages,
and OpenBLAS chooses its own kernels. Prints, with tabs between: seconds an epoch,
from BATCHES batches; accuracy on TEST in per cent; the version; and whose BLAS was
loaded. With 0 for BATCHES two epochs are trained, and the accuracy is theirs. The
start of Python, the import and the test are not counted.
"""
import re
import sys
import time

import msgpack
import msgpack_numpy
import numpy
import torch
from torch import nn

WARM_UP = 20


def read(path):
    """The images and labels of a data stream."""
    images, labels = [], []
    with open(path, "rb") as f:
        for item in msgpack.Unpacker(f, object_hook=msgpack_numpy.decode):
            if "image" in item:
                images.append(item["image"])
                labels.append(item["label"])
    x = torch.from_numpy(numpy.concatenate(images)).float().div_(255)
    y = torch.from_numpy(numpy.concatenate(labels).astype("int64"))
    return x.contiguous(memory_format=torch.channels_last), y


def make():
    """The network and its optimiser, as examples/seed.net and cnn-step have them."""
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    return net, torch.optim.Adam(net.parameters(), lr=1e-3)


def train(net, optimizer, x, y, batch, bf16, batches):
    """So many batches in random order, at most an epoch."""
    loss_of = nn.CrossEntropyLoss()
    for part in torch.randperm(len(x)).split(batch)[:batches]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = net(x[part])
        loss = loss_of(logits.float(), y[part])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def accuracy(net, x, y, bf16):
    """On all of it, in per cent."""
    right = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        for images, labels in zip(x.split(256), y.split(256)):
            right += int((net(images).argmax(1) == labels).sum())
    return 100 * right / len(x)


def blas():
    """Debian's libblas.so.3 is whatever alternative is installed."""
    with open("/proc/self/maps") as f:
        found = re.search(r"/[^/\n]*(openblas|blis|mkl_rt|atlas)[^/\n]*$", f.read(), re.M)
    return found.group(1) if found else "reference BLAS"


def main():
    train_path, test_path, amp = sys.argv[1:4]
    batch, threads, batches = (int(a) for a in sys.argv[4:7])
    bf16 = amp == "bf16"
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = read(train_path)
    net, optimizer = make()
    if batches:
        train(net, optimizer, x, y, batch, bf16, WARM_UP)
        start = time.perf_counter()
        train(net, optimizer, x, y, batch, bf16, batches)
        samples = batches * batch
    else:
        start = time.perf_counter()
        for _ in range(2):
            train(net, optimizer, x, y, batch, bf16, None)
        samples = 2 * len(x)
    seconds = (time.perf_counter() - start) * len(x) / samples
    right = accuracy(net, *read(test_path), bf16)
    print("%.4f\t%.2f\t%s\t%s" % (seconds, right, torch.__version__, blas()))


if __name__ == "__main__":
    main()
