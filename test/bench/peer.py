#!/usr/bin/env python3
"""A peer of the benchmarks: runs one network with PyTorch or ONNX Runtime, as well as it can be made to run.

    peer.py torch NET train|infer BATCH THREADS     NET: lenet, resnet18, resnet50, mobilenetv2
    peer.py ort   NET infer BATCH THREADS           from FILE.onnx, which `peer.py export` wrote
    peer.py export NET BATCH FILE.onnx
    peer.py fashion NET THREADS EPOCHS              a whole training on Fashion-MNIST, and the accuracy

The first two answer each line on stdin with one of JSON: the median milliseconds of some steps. So a caller
alternates peers, and each is loaded once.
"""
import json
import math
import os
import resource
import statistics
import sys
import time


def lenet():
    from torch import nn
    return nn.Sequential(nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4608, 128), nn.ReLU(),
                         nn.Linear(128, 10)), (1, 28, 28)


def resnet18(channels=3):
    """For small pictures: a stem of 3 x 3 and no pool (He et al. 2016, as examples/resnet18.net)."""
    import torch
    from torch import nn

    class Basic(nn.Module):
        def __init__(self, c, k, stride):
            super().__init__()
            self.f = nn.Sequential(nn.Conv2d(c, k, 3, stride, 1, bias=False), nn.BatchNorm2d(k), nn.ReLU(),
                                   nn.Conv2d(k, k, 3, 1, 1, bias=False), nn.BatchNorm2d(k))
            same = stride == 1 and c == k
            self.s = nn.Identity() if same else nn.Sequential(nn.Conv2d(c, k, 1, stride, bias=False), nn.BatchNorm2d(k))

        def forward(self, x):
            return torch.relu(self.f(x) + self.s(x))

    layers, c = [nn.Conv2d(channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
    for k, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        layers.append(Basic(c, k, stride))
        c = k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)), (3, 32, 32)


def vision(name):
    import torchvision
    return getattr(torchvision.models, name)(), (3, 224, 224)


NETS = {"lenet": lenet, "resnet18": resnet18, "resnet50": lambda: vision("resnet50"), "mobilenetv2": lambda: vision("mobilenet_v2")}


def refuse_reference_blas():
    """Without OpenBLAS, Debian's PyTorch multiplies matrices a hundred times slower: no peer."""
    import torch
    x = torch.ones(512, 512)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        x @ x
        times.append(time.perf_counter() - start)
    if min(times) > 0.05:
        sys.exit("PyTorch has no fast BLAS: apt-get install libopenblas0-pthread")


def torch_step(net, mode, batch, threads):
    """Channels last; what answers is traced, frozen and folded."""
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(threads)
    refuse_reference_blas()
    model, shape = NETS[net]()
    x = torch.randn(batch, *shape).to(memory_format=torch.channels_last)
    model = model.to(memory_format=torch.channels_last)
    if mode == "train":
        y = torch.randint(0, 10, (batch,))
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)

        def step():
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

        return step
    torch.set_grad_enabled(False)
    frozen = torch.jit.freeze(torch.jit.trace(model.eval(), x))
    frozen = torch.jit.optimize_for_inference(frozen)
    return lambda: frozen(x)


def ort_step(file, batch, threads):
    import numpy
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    shape = [batch] + list(session.get_inputs()[0].shape[1:])
    feeds = {session.get_inputs()[0].name: numpy.random.default_rng(1).standard_normal(shape, dtype=numpy.float32)}
    return lambda: session.run(None, feeds)


def serve(step):
    step()
    step()
    print("{}", flush=True)
    for _ in sys.stdin:
        times, end = [], time.perf_counter() + 1
        while time.perf_counter() < end or len(times) < 5:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"median_ms": statistics.median(times) * 1e3, "rss_mib": memory}), flush=True)


def export(net, batch, file):
    import torch
    model, shape = NETS[net]()
    torch.manual_seed(1)
    for module in model.modules():  # so that folding a batch norm matters
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    torch.onnx.export(model.eval(), torch.randn(batch, *shape), file, opset_version=13)


# Of Fashion-MNIST, by net: the model, samples in a batch, the rate at the first step, and at step s of all.
FASHION = {"lenet": (lambda: lenet()[0], 100, 1e-3, lambda part: 1),
           "resnet18": (lambda: resnet18(1)[0], 128, 2e-3, lambda part: 0.5 + 0.5 * math.cos(math.pi * part))}


def fashion(net, threads, epochs):
    """One JSON line: seconds of the whole process, and the accuracy on the test images."""
    start = time.perf_counter()
    import gzip

    import numpy
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    refuse_reference_blas()

    def read(name, offset):
        with gzip.open(f"/usr/share/datasets/fashion-mnist/{name}.gz") as f:
            return torch.from_numpy(numpy.frombuffer(f.read(), numpy.uint8, offset=offset).copy())

    def images(name):
        return (read(name, 16).view(-1, 1, 28, 28).float() / 255 - 0.5) / 0.5

    x, y = images("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte", 8).long()
    tx, ty = images("t10k-images-idx3-ubyte"), read("t10k-labels-idx1-ubyte", 8).long()
    make, size, rate, schedule = FASHION[net]
    model = make().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    steps = epochs * -(-len(x) // size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: schedule(done / steps))
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(x))
        for i in range(0, len(x), size):
            batch = order[i:i + size]
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(x[batch].contiguous(memory_format=torch.channels_last)), y[batch]).backward()
            optimizer.step()
            scheduler.step()
        model.eval()
        with torch.no_grad():
            right = sum(int((model(tx[i:i + 200]).argmax(1) == ty[i:i + 200]).sum()) for i in range(0, len(tx), 200))
    print(json.dumps({"seconds": time.perf_counter() - start, "accuracy": right / len(tx),
                      "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


def main(arguments):
    kind = arguments[0]
    if kind == "torch":
        return serve(torch_step(arguments[1], arguments[2], int(arguments[3]), int(arguments[4])))
    if kind == "ort":
        return serve(ort_step(os.environ["GNC_BENCH_ONNX"], int(arguments[3]), int(arguments[4])))
    if kind == "export":
        return export(arguments[1], int(arguments[2]), arguments[3])
    return fashion(arguments[1], int(arguments[2]), int(arguments[3]))


if __name__ == "__main__":
    main(sys.argv[1:])
