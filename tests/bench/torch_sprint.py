#!/usr/bin/python3
"""The peer of examples/sprint.mk: one epoch of MNIST in PyTorch.

    torch_sprint.py NET FOLDER SEED off|bf16 THREADS BATCH LR BETA1 BETA2

FOLDER holds the data as IDX files: train-images.idx, train-labels.idx, test-images.idx,
test-labels.idx. The model goes to FOLDER/torch.pt. Tuned as far as PyTorch goes:
channels_last, the fastest form of Adam that it has, all images converted and normalized at
once; the environment is set by tests/bench/run. The learning rate falls in a line to 0. Prints, with
tabs between: the seconds from exec to the written model; accuracy on the test images in
per cent; the version; and whose BLAS was loaded.
"""
import os
import sys
import time
import warnings

import numpy
import torch
from torch import nn

from torch_net import Net, Normalize, blas


def seconds_since_exec():
    """To a hundredth."""
    with open("/proc/self/stat") as f:
        started = int(f.read().rpartition(")")[2].split()[19])
    with open("/proc/uptime") as f:
        return float(f.read().split()[0]) - started / os.sysconf("SC_CLK_TCK")


def read(folder, split, normalize):
    """The images and labels of IDX files."""
    with open("%s/%s-images.idx" % (folder, split), "rb") as f:
        shape = numpy.frombuffer(f.read(16), ">u4")[1:]
        images = numpy.fromfile(f, "uint8").reshape(shape[0], 1, *shape[1:])
    labels = numpy.fromfile("%s/%s-labels.idx" % (folder, split), "uint8", offset=8)
    x = torch.from_numpy(images).float().mul_(1 / 255)
    return normalize(x), torch.from_numpy(labels).long()


def adam(parameters, lr, betas):
    """Fused from PyTorch 2.4 on."""
    parameters = list(parameters)
    try:
        return torch.optim.Adam(parameters, lr, betas, fused=True)
    except (RuntimeError, TypeError):
        return torch.optim.Adam(parameters, lr, betas)


def train(net, x, y, batch, bf16, lr, betas):
    """One epoch."""
    optimizer = adam(net.parameters(), lr, betas)
    loss_of = nn.CrossEntropyLoss()
    parts = torch.randperm(len(x)).split(batch)
    for step, part in enumerate(parts):
        for group in optimizer.param_groups:
            group["lr"] = lr * (1 - step / len(parts))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = net(x[part])
        loss = loss_of(logits.float(), y[part])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def accuracy(net, x, y, bf16):
    """In per cent."""
    right = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        for images, labels in zip(x.split(256), y.split(256)):
            right += int((net(images).argmax(1) == labels).sum())
    return 100 * right / len(x)


def main():
    path, folder, seed, amp, threads, batch, lr, beta1, beta2 = sys.argv[1:]
    bf16 = amp == "bf16"
    torch.set_num_threads(int(threads))
    torch.manual_seed(int(seed))
    warnings.filterwarnings("ignore", message="Lazy modules")
    with open(path) as f:
        net = Net(f.read())
    with torch.no_grad():
        net(torch.zeros(1, *net.shape))              # makes the lazy parameters
    net = net.to(memory_format=torch.channels_last)
    # All images are normalized once, in place of each batch.
    normalize = nn.Identity()
    if isinstance(net.layers[0], Normalize):
        normalize, net.layers[0] = net.layers[0], normalize
    x, y = read(folder, "train", normalize)
    train(net, x, y, int(batch), bf16, float(lr), (float(beta1), float(beta2)))
    torch.save(net.state_dict(), folder + "/torch.pt")
    seconds = seconds_since_exec()
    right = accuracy(net, *read(folder, "test", normalize), bf16)
    print("%.2f\t%.2f\t%s\t%s" % (seconds, right, torch.__version__.split("+")[0], blas()))


if __name__ == "__main__":
    main()
