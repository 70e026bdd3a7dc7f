#!/usr/bin/python3
"""Makes the reference of test/system/torch (Debian: apt-get install python3-torch):

    test/torch/make.py [NET...]        default: all nets

Writes reference/NET.json: seeded elements of the net's outputs in evaluation; the losses of 20 steps
with each optimizer; of all weights and states the shape, and of every gradient of the first step its
norm, its largest element and 64 seeded elements (in base64, f32). All is computed in f64. What PyTorch itself differs in
f32 is printed, and by how much the gradients change in eight draws where each operation rounds its
results once, by less than 2^-24 of each: a tolerance has to be above both.
"""
import base64
import json
import pathlib
import re
import struct
import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

sys.dont_write_bytecode = True
import models
import nets


def data(net, dtype):
    samples, fields = nets.NETS[net].samples, nets.NETS[net].fields
    return {name: torch.tensor(nets.field(net, name), dtype=torch.int64 if f.classes else dtype)
            .reshape(samples, *f.shape) for name, f in fields.items()}


def fresh(net, dtype):
    """Weights as they start; a run of the net in evaluation asks for all of them."""
    weights = models.Weights(net, dtype)
    weights.training = False
    with torch.no_grad():
        y = models.outputs(net, weights, data(net, dtype))
    weights.training = True
    return weights, y


def optimizer(text, parameters):
    """The PyTorch form of `sgd(0.1, momentum = 0.9)`."""
    name, arguments = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    rate, *others = arguments.split(", ")
    names = {"decay": "weight_decay"}
    kind = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}[name]
    settings = dict(o.split(" = ") for o in others)
    settings = {names.get(k, k): json.loads(v) for k, v in settings.items()}
    if "weight_decay" in settings:  # not of gains and shifts
        plain = [p for p in parameters if p.dim() == 1]
        groups = [{"params": [p for p in parameters if p.dim() > 1]},
                  {"params": plain, "weight_decay": 0}]
    else:
        groups = parameters
    return getattr(torch.optim, kind)(groups, lr=float(rate), **settings)


def train(net, text, dtype):
    """The losses of all steps, and the gradients of the first."""
    weights, _ = fresh(net, dtype)
    batch, losses, first = data(net, dtype), [], {}
    parameters = weights.parameters()
    descent = optimizer(text, list(parameters.values()))
    for _ in range(nets.STEPS):
        descent.zero_grad()
        loss = models.loss(net, models.outputs(net, weights, batch), batch)
        loss.backward()
        first = first or {path: p.grad.detach().clone() for path, p in parameters.items()}
        descent.step()
        losses.append(loss.item())
    return losses, first


class Rounding(TorchDispatchMode):
    """Each operation's results in f64 are off by less than 2^-24 of each, at random: Monte Carlo arithmetic
    (Parker 1997). What only moves numbers changes them, too, which makes no difference in size."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        def rounded(x):
            if not isinstance(x, torch.Tensor) or x.dtype != torch.float64 or x._is_view():
                return x
            return x * (1 + (2 * torch.rand_like(x) - 1) * 2**-24)

        return tree_map(rounded, function(*args, **(kwargs or {})))


def packed(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def reference(net):
    weights, y = fresh(net, torch.float64)
    texts = [f"sgd({nets.NETS[net].rate})", *nets.NETS[net].optimizers]
    runs = {text: train(net, text, torch.float64) for text in texts}
    tensors = {path: {"shape": list(t.shape)} for path, t in weights.tensors.items()}
    for path, g in runs[texts[0]][1].items():
        flat = g.flatten()
        tensors[path] |= {"norm": digits(flat.norm()), "max": digits(flat.abs().max()),
                          "entries": packed([flat[i].item() for i in nets.places(path, len(flat))])}
    ownDifference(net, texts[0], runs[texts[0]], y)
    return {"largest_output": digits(y.abs().max()), "outputs": packed(outputsKept(net, y.flatten())),
            "losses": {text: [digits(x) for x in losses] for text, (losses, _) in runs.items()},
            "tensors": tensors}


def digits(x):
    return float(f"{x:.9g}")


def written(reference):
    """JSON with a line for each tensor."""
    groups = []
    for key, value in reference.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            groups.append(f"{json.dumps(key)}: {{\n{lines}\n}}")
        else:
            groups.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(groups) + "\n}\n"


def outputsKept(net, y):
    return [y[i].item() for i in nets.places(f"outputs of {net}", len(y))]


def roundedGradients(net):
    weights, _ = fresh(net, torch.float64)
    batch = data(net, torch.float64)
    with Rounding():
        models.loss(net, models.outputs(net, weights, batch), batch).backward()
    return {path: p.grad for path, p in weights.parameters().items()}


def ownDifference(net, text, run, y):
    losses, first = train(net, text, torch.float32)
    loss = max(abs(a - b) for a, b in zip(losses, run[0]))
    whole = max(g.abs().max().item() for g in run[1].values())
    scales = {p: g.abs().max().item() for p, g in run[1].items()}

    def largest(gradients):
        return max(((gradients[p] - g).abs().max().item()
                    / (scales[p] if scales[p] > nets.ZERO * whole else whole), p) for p, g in run[1].items())

    ratio, path = largest(first)
    torch.manual_seed(1)
    rounding, where = max(largest(roundedGradients(net)) for _ in range(8))
    output = (fresh(net, torch.float32)[1] - y).abs().max().item() / y.abs().max().item()
    print(f"{net}: loss {run[0][0]:.4f} -> {run[0][-1]:.4f}; PyTorch in f32: loss {loss:.1e}, "
          f"gradients {ratio:.1e} ({path}), outputs {output:.1e}; "
          f"one rounding an operation: gradients {rounding:.1e} ({where})", flush=True)


folder = pathlib.Path(__file__).parent / "reference"
for net in sys.argv[1:] or nets.NETS:
    (folder / f"{net}.json").write_text(written(reference(net)))
