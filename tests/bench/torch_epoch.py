#!/usr/bin/python3
"""The peer of `make bench`: an epoch of the seed network in PyTorch, in seconds.

    torch_epoch.py TRAIN.tns off|bf16 BATCH THREADS

Tuned as far as PyTorch goes without changing what is computed: channels_last,
the data decoded and in memory before the clock starts, a warm-up before it. The
environment is part of that and set by tests/bench/run: malloc keeps its pages,
and OpenBLAS chooses its own kernels. Prints the seconds, the mean loss and the
version; the start of Python and the import are not counted.
"""
import sys
import time

import msgpack
import msgpack_numpy
import numpy
import torch
from torch import nn


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


def epoch(net, optimizer, x, y, batch, bf16, limit=None):
    """One pass in random order; the mean loss."""
    loss_of, total = nn.CrossEntropyLoss(), 0.0
    order = torch.randperm(len(x))[:limit]
    for part in order.split(batch):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = net(x[part])
        loss = loss_of(logits.float(), y[part])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(part)
    return float(total) / len(order)


def main():
    path, amp, batch, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = read(path)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    epoch(net, optimizer, x, y, batch, amp == "bf16", limit=20 * batch)
    start = time.perf_counter()
    loss = epoch(net, optimizer, x, y, batch, amp == "bf16")
    print("%.3f %.4f %s" % (time.perf_counter() - start, loss, torch.__version__))


if __name__ == "__main__":
    main()
