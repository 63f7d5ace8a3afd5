#!/usr/bin/python3
"""Steps of cnn-step against PyTorch's autograd and optimisers.

    torch-step.py check  CASE BEFORE DATA AFTER    compares; exit 1 where they differ
    torch-step.py record CASE BEFORE DATA WANT     writes what PyTorch comes to, as a
                                                   stream: movement.pl compares to that
    torch-step.py data   SEED SHAPE CLASSES N FILE a data set of noise

What recorded/ holds was made by PyTorch 1.13.1 with

    cnn-init --seed 1 mixed.net -o recorded/mixed.cnn
    torch-step.py data 1 2x9x10 5 100 recorded/mixed.tns
    torch-step.py record mixed:sgd:1:40:1 recorded/mixed.cnn recorded/mixed.tns recorded/sgd
    torch-step.py record mixed:momentum:0.1:40:3 … recorded/momentum
    torch-step.py record mixed:adam:0.01:40:3 … recorded/adam

BEFORE, DATA and AFTER are tensor streams: a model, the batches in their order
(label and image), and what cnn-step --no-shuffle made of the two. CASE is

    NET:OPTIMIZER:LR:BATCH:STEPS      seed:sgd:1:64:1

A parameter has moved rightly if |moved - torch's| <= 1e-4 |torch's|, in the
Euclidean norm over all its elements, in double. PyTorch computes in double
too, so that what is measured is this program's error alone.
"""
import sys

import msgpack
import msgpack_numpy
import numpy as np

TOLERANCE = 1e-4


def items(path):
    with open(path, "rb") as f:
        yield from msgpack.Unpacker(f, object_hook=msgpack_numpy.decode)


def model(path):
    """Name -> parameter."""
    params = {}
    for item in items(path):
        if "tensor-stream" not in item and "end" not in item:
            params.update(item)
    return {k: v.astype("f8") for k, v in params.items() if "@" not in k}


def data(path):
    """All images, as the tools scale them, and all labels."""
    records = [i for i in items(path) if "image" in i]
    image = np.concatenate([r["image"] for r in records])
    label = np.concatenate([r["label"] for r in records])
    scale = 1 / 255 if image.dtype == np.uint8 else 1
    return image.astype("f8") * np.float64(scale), label.astype("i8")


# --- the nets, as PyTorch's users write them -----------------------------------

def seed(x, p, F):
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv1.weight"], p["conv1.bias"])), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.weight"], p["conv2.bias"])), 2)
    x = F.relu(F.linear(x.flatten(1), p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"])


def mixed(x, p, F):
    a = F.conv2d(x, p["a.weight"], p["a.bias"], padding=1)
    n = F.batch_norm(a, p["norm.running_mean"], p["norm.running_var"],
                     p["norm.weight"], p["norm.bias"], training=True,
                     momentum=0.2, eps=1e-3)
    n = F.relu(n)
    b = F.conv2d(n, p["b.weight"], None, padding=1, groups=2)
    x = F.avg_pool2d(a + b + n, 3, stride=2, padding=1)
    x = F.conv2d(x, p["c.weight"], p["c.bias"], stride=2, padding=(2, 1),
                 dilation=(1, 2))
    return F.linear(x.flatten(1), p["fc.weight"], p["fc.bias"])


NETS = {"seed": seed, "mixed": mixed}


def train(case, before, path):
    """The parameters after PyTorch's steps."""
    import torch
    import torch.nn.functional as F

    name, optimizer, lr, batch, steps, clip = (case + ":").split(":")[:6]
    batch, lr = int(batch), float(lr)
    p = {k: torch.tensor(v) for k, v in before.items()}
    trained = [v.requires_grad_() for k, v in p.items() if "running" not in k]
    opt = {
        "sgd": lambda: torch.optim.SGD(trained, lr=lr),
        "momentum": lambda: torch.optim.SGD(trained, lr=lr, momentum=0.9,
                                            weight_decay=0.01),
        "adam": lambda: torch.optim.Adam(trained, lr=lr),
    }[optimizer]()
    image, label = (torch.tensor(x) for x in data(path))
    for i in range(int(steps)):
        part = slice(i * batch, (i + 1) * batch)
        opt.zero_grad()
        F.cross_entropy(NETS[name](image[part], p, F), label[part]).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(trained, float(clip))
        opt.step()
    return {k: v.detach().numpy() for k, v in p.items()}


def write(path, kind, *records):
    with open(path, "wb") as f:
        for item in {"tensor-stream": 1, "kind": kind}, *records, {"end": {}}:
            f.write(msgpack.packb(item, default=msgpack_numpy.encode))


def noise(seed, shape, classes, count, path):
    r = np.random.RandomState(int(seed))
    shape = (int(count),) + tuple(int(n) for n in shape.split("x"))
    write(path, "data", {"image": r.randint(0, 256, shape).astype("u1"),
                         "label": r.randint(0, int(classes), shape[0]).astype("u1")})


def compare(before, want, got):
    differs = 0
    assert sorted(before) == sorted(want) == sorted(got), "other parameters"
    for k in before:
        moved, should = got[k] - before[k], want[k] - before[k]
        norm = np.linalg.norm(should)
        error = np.linalg.norm(moved - should)
        if norm == 0 or not error <= TOLERANCE * norm:
            print("%s: moved %.6g where PyTorch moves it %.6g, %.2g apart" %
                  (k, np.linalg.norm(moved), norm, error / (norm or 1)))
            differs = 1
    return differs


def main():
    if sys.argv[1] == "data":
        return noise(*sys.argv[2:])
    verb, case, before, path, after = sys.argv[1:]
    start = model(before)
    want = train(case, start, path)
    if verb == "record":
        return write(after, "model", want)
    return compare(start, want, model(after))


if __name__ == "__main__":
    sys.exit(main())
