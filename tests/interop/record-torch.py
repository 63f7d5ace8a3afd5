#!/usr/bin/python3
"""Writes tests/conformance/recorded/layers.h and optimizers.h: what PyTorch gives.

    /usr/bin/python3 tests/interop/record-torch.py tests/conformance/recorded

Everything is computed in double (the optimisers in float, as they run), from
inputs that are multiples of 1/16 and so exact everywhere. Made with PyTorch
1.13.1; the numbers need to be made again only when a case is added.
"""
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(1)


def sixteenths(*shape):
    """Multiples of 1/16 in [-2, 2]."""
    return torch.randint(-32, 33, shape).to(torch.float64) / 16


def numbers(tensor):
    """A C initialiser's lines."""
    words = ["%.15g," % x for x in tensor.detach().reshape(-1).tolist()]
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 76:
            lines.append(line.rstrip())
            line = ""
        line += word + " "
    return "\n".join("\t" + l for l in lines + [line.rstrip()])


def text(shape):
    return "x".join(str(n) for n in shape)


class Writer:
    def __init__(self, path):
        self.file = open(path, "w")
        self.cases = []
        self.arrays = 0
        self.line("/* Made by tests/interop/record-torch.py with PyTorch %s. */"
                  % torch.__version__)

    def line(self, line):
        self.file.write(line + "\n")

    def array(self, tensor):
        name = "recorded%d" % self.arrays
        self.arrays += 1
        self.line("static const double %s[] = {\n%s\n};" % (name, numbers(tensor)))
        return name

    def layer(self, net, inputs, params, function, labels=None, evaluation=None,
              buffers=()):
        """One case: function(inputs, params) and all its gradients."""
        inputs = [x.requires_grad_() for x in inputs]
        params = [p.requires_grad_() for p in params]
        given = [self.array(x) for x in inputs], [self.array(p) for p in params]
        given[1].extend(self.array(b) for b in buffers)
        out = function(inputs, params)
        grad_out = torch.full_like(out, 0.125) if labels else sixteenths(*out.shape)
        out.backward(grad_out)
        after = [self.array(p.grad) for p in params]
        after += [self.array(b) for b in buffers]
        self.cases.append((net, inputs, given, self.array(grad_out), self.array(out),
                           [self.array(x.grad) for x in inputs], after, labels))

    def layers_end(self):
        self.line("static const struct recorded_layer recorded_layers[] = {")
        for net, inputs, (ins, params), grad_out, out, grads, after, labels in self.cases:
            self.line('\t{ "%s", "%s", %d,' % (net, " ".join(
                text(x.shape[1:]) for x in inputs), len(inputs[0])))
            self.line("\t\t{ %s }, { %s }, %s, %s," % (
                ", ".join(ins), ", ".join(params) or "NULL", grad_out, out))
            self.line("\t\t{ %s }, { %s }, { %s } }," % (
                ", ".join(grads), ", ".join(after) or "NULL",
                ", ".join(map(str, labels or [0]))))
        self.line("};")
        self.file.close()


def record_layers(path):
    w = Writer(path)
    conv = [("conv2d out=4 kernel=3", (2, 3, 5, 6), (4, 3, 3, 3), True, {}),
            ("conv2d out=2 kernel=2x3 stride=2x1 padding=1x2", (2, 1, 5, 4),
             (2, 1, 2, 3), True, dict(stride=(2, 1), padding=(1, 2))),
            ("conv2d out=4 kernel=3x2 dilation=2x3 groups=2 bias=false", (2, 2, 6, 5),
             (4, 1, 3, 2), False, dict(dilation=(2, 3), groups=2))]
    for net, shape, weight, bias, options in conv:
        params = [sixteenths(*weight)] + ([sixteenths(weight[0])] if bias else [])
        w.layer(net, [sixteenths(*shape)], params,
                lambda x, p, o=options: F.conv2d(x[0], *p, **o))
    w.layer("linear out=3", [sixteenths(4, 5)], [sixteenths(3, 5), sixteenths(3)],
            lambda x, p: F.linear(x[0], *p))
    w.layer("relu", [sixteenths(2, 3, 4, 5)], [], lambda x, p: F.relu(x[0]))
    w.layer("maxpool2d kernel=2", [sixteenths(2, 2, 5, 5).round()], [],
            lambda x, p: F.max_pool2d(x[0], 2))
    w.layer("maxpool2d kernel=3x2 stride=2x1 padding=1", [sixteenths(2, 2, 5, 4).round()],
            [], lambda x, p: F.max_pool2d(x[0], (3, 2), (2, 1), 1))
    w.layer("avgpool2d kernel=2", [sixteenths(2, 2, 5, 4)], [],
            lambda x, p: F.avg_pool2d(x[0], 2))
    w.layer("avgpool2d kernel=3 stride=2 padding=1", [sixteenths(2, 2, 5, 4)], [],
            lambda x, p: F.avg_pool2d(x[0], 3, 2, 1))
    w.layer("flatten", [sixteenths(2, 2, 3, 2)], [], lambda x, p: x[0].flatten(1))
    w.layer("add", [sixteenths(2, 2, 3), sixteenths(2, 2, 3), sixteenths(2, 2, 3)], [],
            lambda x, p: x[0] + x[1] + x[2])
    running = [sixteenths(3), sixteenths(3).abs() + 0.5]
    w.layer("batchnorm2d eps=0.001 momentum=0.25", [sixteenths(3, 3, 2, 3)],
            [sixteenths(3), sixteenths(3)],
            lambda x, p: F.batch_norm(x[0], running[0], running[1], p[0], p[1],
                                      True, 0.25, 0.001), buffers=running)
    labels = [4, 0, 2]
    w.layer("cross_entropy", [sixteenths(3, 5)], [],
            lambda x, p: F.cross_entropy(x[0], torch.tensor(labels), reduction="none"),
            labels=labels)
    w.layer("normalize mean=0.5 std=0.25", [torch.arange(-12.0, 12.0).reshape(2, 3, 4) / 16],
            [], lambda x, p: (x[0] - 0.5) / 0.25)
    w.layers_end()


def record_optimizers(path):
    """Parameters after each of 5 steps of 6 numbers, in float."""
    # PyTorch's options; those of cnntools have the same names, but betas.
    cases = [("adam", dict(lr=0.01)), ("adam", dict(lr=0.5, weight_decay=0.25)),
             ("adam", dict(lr=0.25, betas=(0.5, 0.75), eps=0.125)),
             ("adam", dict(lr=0.125, betas=(0, 0.9), eps=1e-6)),
             ("adam", dict(lr=0.0625, betas=(0.8, 0), eps=0.5, weight_decay=0.5)),
             ("sgd", dict(lr=0.125)), ("sgd", dict(lr=0.125, momentum=0.9)),
             ("sgd", dict(lr=0.0625, momentum=0.5, weight_decay=0.125))]
    with open(path, "w") as f:
        f.write("/* Made by tests/interop/record-torch.py with PyTorch %s. */\n"
                % torch.__version__)
        start = sixteenths(6).float()
        grads = [sixteenths(6).float() for _ in range(5)]
        for name, values in (("start", start), ("grads", torch.stack(grads))):
            f.write("static const float recorded_%s[] = {\n%s\n};\n"
                    % (name, numbers(values)))
        f.write("static const struct recorded_optimizer recorded_optimizers[] = {\n")
        for name, options in cases:
            p = start.clone().requires_grad_()
            kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name]
            optimizer = kind([p], **options)
            after = []
            for g in grads:
                p.grad = g.clone()
                optimizer.step()
                after.append(p.detach().clone())
            lr = options.pop("lr")
            for i, beta in enumerate(options.pop("betas", ())):
                options["beta%d" % (i + 1)] = beta
            spec = ",".join("%s=%g" % pair for pair in sorted(options.items()))
            f.write("\t{ \"%s%s\", %g, {\n%s } },\n" % (
                name, spec and ":" + spec, lr, numbers(torch.stack(after))))
        f.write("};\n")


if __name__ == "__main__":
    record_layers(sys.argv[1] + "/layers.h")
    record_optimizers(sys.argv[1] + "/optimizers.h")
