#!/usr/bin/env python3
"""Times the seed network in PyTorch: epochs, or a training run from the start.

    torch_mnist.py --data DIR [--mode eager,graph] [--batch 128,512]
                   [--precision f32,fp16] [--epochs 5] [--device cuda]
    torch_mnist.py --data DIR --save FILE ...    train from the start, and save
    torch_mnist.py --wait FILE --import-limit 150 --limit 45 ...

DIR has {train,test}-{images,labels}.idx. All data are on the device, as floats, before
timing starts. Each combination uses the fastest settings of PyTorch that do not change
what is computed: cudnn.benchmark, and channels_last if a trial shows that it is faster.
The modes:

    eager    autocast, GradScaler in fp16, the default Adam
    fused    the same with Adam(fused=True), which does not synchronize
    compile  net, loss and gradients with torch.compile("reduce-overhead"), and fused
             Adam; leaves out an epoch's last, smaller batch
    graph    the whole step in one CUDA graph, including the gather of shuffled samples
             and the optimizer: one launch per step

The precisions: f32 (without TF32), tf32, fp16, bf16. With --wait, torch is imported at
once, and everything else waits until FILE exists. --import-limit limits the seconds of
the import, and --limit or the number in FILE those of the rest. Lines of key, value, unit
and detail go to standard output. If a combination fails, its line shows the reason.
"""
import argparse
import functools
import os
import signal
import statistics
import sys
import time
import warnings


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=".")
    parser.add_argument("--mode", default="eager")
    parser.add_argument("--batch", default="128")
    parser.add_argument("--precision", default="f32")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--save")
    parser.add_argument("--wait")
    parser.add_argument("--import-limit", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0)
    return parser.parse_args()


# The first import may take minutes. An alarm ends the process at any point.
ARGS = arguments()
PARENT = os.getppid()
BEGUN = time.time()
signal.alarm(ARGS.import_limit)

import torch                                    # noqa: E402
from torch import nn                            # noqa: E402

IMPORTED = time.time() - BEGUN
HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}
FUSED = ("fused", "compile", "graph")


def say(key, value, unit="-", detail=""):
    print(key, value, unit, detail, sep="\t", flush=True)


# --- data ---------------------------------------------------------------------


def read_idx(path):
    """The bytes of an IDX file of u8 as a tensor."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return torch.frombuffer(data, dtype=torch.uint8, offset=4 + 4 * rank).view(shape)


def read_set(folder, name, device):
    images = read_idx(os.path.join(folder, name + "-images.idx")).to(device)
    labels = read_idx(os.path.join(folder, name + "-labels.idx")).to(device)
    return images.unsqueeze(1).float().div_(255), labels.long()


# --- one step -----------------------------------------------------------------


class Objective(nn.Module):
    """The mean loss of a batch; the net under autocast, the loss in float."""

    def __init__(self, device, dtype):
        super().__init__()
        self.device, self.dtype = device, dtype
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
        )

    def logits(self, x):
        if self.dtype is None:
            return self.net(x)
        with torch.autocast(self.device, dtype=self.dtype):
            return self.net(x).float()

    def forward(self, x, y):
        return nn.functional.cross_entropy(self.logits(x), y)


class Training:
    """A net, its optimizer and the data. The learning rate falls to 0 over `steps`
    steps; 0: it is constant."""

    def __init__(self, data, mode, batch, precision, layout, lr, steps=0):
        self.images, self.labels = data
        device = self.images.device.type
        self.layout = layout
        self.batch, self.mode, self.lr, self.steps = batch, mode, lr, steps
        self.objective = Objective(device, HALF.get(precision))
        self.objective.to(device, memory_format=layout)
        options = {"fused": True} if mode in FUSED else {}
        if mode == "graph" and device == "cuda":
            options["capturable"] = True
        # A captured step reads the learning rate from device memory.
        self.rate = lr
        if mode == "graph" and steps:
            self.rate = torch.tensor(float(lr), device=device)
        self.optimizer = torch.optim.Adam(
            self.objective.parameters(), lr=self.rate, **options)
        self.rate = self.optimizer.param_groups[0]["lr"]
        self.scaler = torch.amp.GradScaler(device) if precision == "fp16" else None
        self.loss = self.objective
        if mode == "compile":
            self.loss = torch.compile(
                self.objective, mode="reduce-overhead", dynamic=False)

    def step(self, index):
        x, y = self.images[index], self.labels[index]
        if self.layout is torch.channels_last:
            # With one channel, the layouts differ only in the strides.
            x = x.as_strided(x.shape, (x[0].numel(), 1, x.shape[3], 1))
        if self.mode == "compile":
            torch.compiler.cudagraph_mark_step_begin()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, y)
        if self.scaler:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            loss.backward()
            self.optimizer.step()
        return loss.detach()

    def lower_rate(self):
        if torch.is_tensor(self.rate):
            self.rate.sub_(self.lr / self.steps)
        elif self.steps:
            self.rate -= self.lr / self.steps
            self.optimizer.param_groups[0]["lr"] = self.rate

    @torch.no_grad()
    def accuracy(self, images, labels):
        right = sum(
            (self.objective.logits(x).argmax(1) == y).sum()
            for x, y in zip(images.split(1000), labels.split(1000)))
        return int(right) / len(labels)


# --- an epoch -----------------------------------------------------------------


class Stepwise:
    """Launches the operations of each step one by one, or a compiled step."""

    def __init__(self, training):
        self.training = training

    def epoch(self):
        t = self.training
        total = torch.zeros((), device=t.labels.device)
        count = 0
        order = torch.randperm(len(t.labels), device=t.labels.device)
        for index in order.split(t.batch):
            if t.mode == "compile" and len(index) < t.batch:
                break
            total += t.step(index) * len(index)
            count += len(index)
            t.lower_rate()
        return float(total) / max(count, 1)


class Graphed:
    """One graph for full batches, another for the last batch. A graph reads its samples
    from `order`, from `at` on, and advances `at` to the next batch."""

    def __init__(self, training):
        self.training = t = training
        device, count = t.labels.device, len(t.labels)
        self.order = torch.randperm(count, device=device)
        self.at = torch.zeros((), dtype=torch.long, device=device)
        self.total = torch.zeros((), device=device)
        self.full, last = divmod(count, t.batch)
        self.replay = self.capture(t.batch) if self.full else None
        self.replay_last = self.capture(last) if last else None
        if torch.is_tensor(t.rate):
            t.rate.fill_(t.lr)

    def body(self, places):
        t = self.training
        loss = t.step(self.order[places + self.at])
        self.total += loss * len(places)
        self.at += len(places)
        if torch.is_tensor(t.rate):
            t.lower_rate()

    def capture(self, size):
        places = torch.arange(size, device=self.order.device)
        if self.order.device.type != "cuda":
            return lambda: self.body(places)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(3):
                self.at.zero_()
                self.body(places)
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        self.training.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            self.body(places)
        return graph.replay

    def epoch(self):
        self.order.copy_(torch.randperm(len(self.order), device=self.order.device))
        self.at.zero_()
        self.total.zero_()
        for _ in range(self.full):
            self.replay()
        if self.replay_last:
            self.replay_last()
        return float(self.total) / len(self.order)


# --- the program --------------------------------------------------------------


def start(precision, seed, tune):
    # torch.compile reads these older names, and rejects a mixture with the new ones.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = tune
    torch.manual_seed(seed)


def make(*args, **named):
    training = Training(*args, **named)
    return (Graphed if training.mode == "graph" else Stepwise)(training)


def usual_layout(precision):
    return torch.channels_last if precision in HALF else torch.contiguous_format


@functools.lru_cache(maxsize=None)
def fastest_layout(data, batch, precision):
    """The memory format in which a captured step is faster. Eager steps would not show
    a difference, since they wait for the host."""
    part = data[0][: 32 * batch], data[1][: 32 * batch]
    seconds = {}
    if part[0].device.type != "cuda":
        return usual_layout(precision)
    try:
        for layout in torch.contiguous_format, torch.channels_last:
            run = make(part, "graph", batch, precision, layout, 1e-3)
            run.epoch()
            begin = time.perf_counter()
            for _ in range(3):
                run.epoch()
            seconds[layout] = time.perf_counter() - begin
    except RuntimeError:
        return usual_layout(precision)
    return min(seconds, key=seconds.get)


def time_epochs(args, train, mode, batch, precision):
    start(precision, args.seed, tune=True)
    layout = fastest_layout(train, batch, precision)
    run = make(train, mode, batch, precision, layout, args.lr)
    run.epoch()
    times, loss = [], 0
    for _ in range(args.epochs):
        begin = time.perf_counter()
        loss = run.epoch()        # a float: the device has finished
        times.append(1000 * (time.perf_counter() - begin))
    say("torch.%s.b%d.%s" % (mode, batch, precision),
        "%.4g" % statistics.median(times), "ms",
        "%.4g to %.4g, n %d; %s; loss %.4f, accuracy %.4f" % (
            min(times), max(times), len(times), str(layout).split(".")[1],
            loss, run.training.accuracy(*read_set(args.data, "test", args.device))))


def train_and_save(args, train, mode, batch, precision):
    start(precision, args.seed, tune=False)
    steps = args.epochs * -(-len(train[1]) // batch)
    run = make(train, mode, batch, precision, usual_layout(precision), args.lr,
        steps=steps)
    for _ in range(args.epochs):
        run.epoch()
    torch.save(run.training.objective.net.state_dict(), args.save)
    say("saved", "%.6f" % time.time(), "s", "since 1970")
    test = read_set(args.data, "test", args.device)
    say("accuracy", "%.4f" % run.training.accuracy(*test))


def main():
    args = ARGS
    signal.alarm(0)
    while args.wait and not os.path.exists(args.wait):
        if os.getppid() != PARENT or time.time() - BEGUN > 600:
            sys.exit(1)
        time.sleep(0.02)
    # The file has the number of seconds that are left.
    left = int(open(args.wait).read()) if args.wait else args.limit
    signal.alarm(max(1, min(args.limit, left)) if args.limit else 0)
    # Warnings that Adam may be captured, and of a rate that a warm-up step reads.
    warnings.filterwarnings("ignore", category=UserWarning)
    if args.wait:
        say("version.torch", torch.__version__, "-",
            "CUDA %s, cuDNN %s" % (torch.version.cuda, torch.backends.cudnn.version()))
        say("time.torch.import", "%.4g" % IMPORTED, "s")
    train = read_set(args.data, "train", args.device)
    failed = False
    for batch in map(int, args.batch.split(",")):
        for precision in args.precision.split(","):
            for mode in args.mode.split(","):
                try:
                    (train_and_save if args.save else time_epochs)(
                        args, train, mode, batch, precision)
                except Exception as error:          # the next one may succeed
                    failed = True
                    why = " ".join(str(error).split())[:200]
                    say("torch.%s.b%d.%s" % (mode, batch, precision), "fail", "-",
                        "%s: %s" % (type(error).__name__, why))
    sys.exit(failed)


if __name__ == "__main__":
    main()
