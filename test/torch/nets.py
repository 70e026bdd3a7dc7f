"""What the comparison with PyTorch is about: the nets at small sizes, their weights and their data.

Needs nothing but Python. make.py, which makes the reference, test/system/torch, which compares with it, and
test/device/make take all numbers from here.
"""
import array
import dataclasses
import json
import math
import pathlib
import random
import re
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 20
MASK = 0.25    # what lies above is in the mask
ENTRIES = 64   # of each tensor of gradients
# A gradient this small beside the net's largest is 0 but for rounding in f64: that of the keys' bias in
# attention, or of a shift whose only reader is a batch norm.
ZERO = 1e-12


@dataclasses.dataclass
class Field:
    """A field of the data: numbers between low and high, or classes if there are any. A mask is made of the
    image: its cells above MASK."""
    shape: tuple
    low: float = -1.5
    high: float = 1.5
    classes: int = 0
    mask: bool = False


@dataclasses.dataclass
class Net:
    """An example and what makes it small: `numbers` replaces whole numbers in its text, `changes` then
    replaces text. Compared are the losses of plain descent by `rate` and of `optimizers`. Rates are small
    where a number that crosses a kink would send two trainings apart; a seed is one where none lies at a
    kink in the first step."""
    file: str
    fields: dict
    settings: dict = dataclasses.field(default_factory=dict)
    numbers: dict = dataclasses.field(default_factory=dict)
    changes: tuple = ()
    samples: int = 8
    rate: float = 0.01
    optimizers: tuple = ()
    seed: int = 0  # of the data
    # Added to the shifts of batch norms: fewer numbers lie near a kink, where a rounding changes the
    # gradient by as much as one number contributes.
    shift: float = 0
    # What a gradient may differ by, of the tensor's largest or of its norm: a chain of some 60 sums of
    # some 600 terms leaves the square root of its roundings, 1e-5 (Tolerance.h, kGradient).
    gradients: float = 2e-5


def pictures(size, classes=10, channels=3):
    return {"image": Field((channels, size, size)), "label": Field((), classes=classes)}


def eighth(*numbers, **others):
    return {str(n): str(n // 8) for n in numbers} | {k.lstrip("n"): v for k, v in others.items()}


GREY = pictures(28, channels=1)
NETS = {
    "mlp": Net("mlp.net", GREY, rate=0.05, optimizers=("adam(1e-3)", "rmsprop(1e-3)")),
    "lenet": Net("lenet.net", GREY, optimizers=("sgd(0.003, momentum = 0.9)", "adamw(1e-3)")),
    "fashion": Net("fashion.net", GREY),
    "lenet_smooth": Net("lenet_smooth.net", GREY),
    "custom_conv": Net("custom_conv.net", GREY),
    "resnet18": Net("resnet18.net", pictures(32), numbers=eighth(64, 128, 256, 512),
                    rate=0.0002, seed=1, shift=1,
                    optimizers=("sgd(2e-5, momentum = 0.9, nesterov = true, decay = 5e-4)",)),
    "vgg": Net("vgg.net", pictures(32), numbers=eighth(64, 128, 256, 512),
               changes=(("dropout(0.5)", "dropout(0)"),), rate=0.001, shift=1),
    "unet": Net("unet.net", {"image": Field((1, 32, 32)), "mask": Field((32, 32), classes=2, mask=True)},
                {"k": 4, "H": 32, "W": 32}, samples=4, rate=0.002, shift=1),
    "mobilenetv2": Net("mobilenetv2.net", pictures(64), {"width": 0.25}, {"224": "64"},
                       (("dropout(0.2)", "dropout(0)"),), rate=0.0001, shift=1),
    "siamese": Net("siamese.net", {"left": Field((1, 28, 28)), "right": Field((1, 28, 28)),
                                   "same": Field((), classes=2)}),
    "squeezenet": Net("squeezenet.net", pictures(64), {"classes": 10},
                      eighth(64, 128, 192, 256, n16="4", n32="8", n48="12", n224="64"),
                      (("dropout(0.5)", "dropout(0)"),)),
    "densenet": Net("densenet.net", pictures(32), {"layers": 3}, rate=0.001),
    "autoencoder": Net("autoencoder.net", {"image": Field((1, 28, 28), 0, 1)}, rate=0.05),
    "vit": Net("vit.net", pictures(32), {"classes": 10, "dim": 48, "depth": 2, "patch": 8},
               {"224": "32"}),
    "efficientnet": Net("efficientnet.net", pictures(64), {"classes": 10},
                        {"32": "8", "16": "8", "24": "8", "40": "16", "80": "16", "112": "24",
                         "192": "24", "320": "32", "1280": "64", "224": "64"},
                        (("drop = 0.2 * i / 8", "drop = 0 * i"), ("dropout(0.2)", "dropout(0)")),
                        # The shifts of its gates get sums that cancel: where each operation rounds once,
                        # they change by up to 9e-6 (make.py says so), and a sum of hundreds rounds some
                        # five times that. No other seed of six did better.
                        rate=0.002, shift=1, gradients=4e-5),
    "googlenet": Net("googlenet.net", pictures(64), {"classes": 10},
                     eighth(16, 32, 48, 64, 96, 112, 128, 144, 160, 192, 208, 224, 256, 288, 320, 384)
                     | {"24": "3"},
                     (("[3, 28, 28]", "[3, 64, 64]"), ("dropout(0.4)", "dropout(0)")), rate=0.0002, seed=3),
    "alexnet": Net("alexnet.net", pictures(67), {"classes": 10},
                   eighth(96, 256, 384, n4096="64", n227="67"), (("dropout(0.5)", "dropout(0)"),)),
    "resnet50": Net("resnet50.net", pictures(64), {"classes": 10},
                    eighth(64, 128, 256, 512, n224="64"), rate=5e-5, shift=1),
    "custom": Net("custom.net", pictures(32), samples=4, rate=0.0001),
}


def uniform(name, count, low, high):
    """`count` numbers in f32, the same for a name everywhere and always."""
    draw = random.Random(name).random
    return array.array("f", [low + (high - low) * draw() for _ in range(count)])


def field(net, name):
    """The values of a field for all samples, in order: an array of f32, or a list of classes."""
    f = NETS[net].fields[name]
    count, stream = NETS[net].samples * math.prod(f.shape), f"{net}/{name}/{NETS[net].seed}"
    if f.mask:
        return [int(x > MASK) for x in field(net, "image")]
    if not f.classes:
        return uniform(stream, count, f.low, f.high)
    return [int(x) for x in uniform(stream, count, 0, 0.999 * f.classes)]


def isState(path):
    return path.rsplit(".", 1)[1] in ("mu", "var")


def weight(net, path, shape):
    """A weight or state of a net by its path: gains about 1, variances above 0, matrices as He et al. 2015."""
    count, name = math.prod(shape), path.rsplit(".", 1)[1]
    if name in ("g", "var"):
        return uniform(path, count, 0.7, 1.4)
    if len(shape) == 1:
        shift = NETS[net].shift if path.endswith("bn.b") else 0
        return uniform(path, count, shift - 0.2, shift + 0.2)
    fan = count // shape[-1] if name == "template" else count // shape[0]
    bound = math.sqrt(6 / fan) if name != "place" else 0.2
    return uniform(path, count, -bound, bound)


def places(path, count):
    """Which elements of a tensor are stored: all of a small one, else ENTRIES of them."""
    if count <= ENTRIES:
        return range(count)
    draw = random.Random(f"entries of {path}").random
    return [int(draw() * count) for _ in range(ENTRIES)]


def text(net):
    """The example's nets, blocks and ops in their small form, without its sections; and its loss."""
    whole = (ROOT / "examples" / NETS[net].file).read_text()
    loss = re.search(r"^  loss += (.*)$", whole, re.M)[1]
    kept = re.sub(r"^(data|train|infer) [^{]*\{\n.*?^\}\n", "", whole, flags=re.M | re.S)
    kept = re.sub(r"^use .*\n", "", kept, flags=re.M)
    for number in NETS[net].numbers:
        assert re.search(rf"(?<![\w.]){number}(?![\w.])", kept), f"{net}: no {number} in the text"
    kept = re.sub(r"(?<![\w.])\d+(?![\w.])", lambda m: NETS[net].numbers.get(m[0], m[0]), kept)
    for old, new in NETS[net].changes:
        assert old in kept, f"{net}: no {old} in the text"
        kept = kept.replace(old, new)
    return kept, loss


SPLIT = 0.999  # of the samples train: all but one
# Descent that keeps the first gradient as a state, so that a checkpoint has it to the last bit.
DESCENT = """
optimizer descent(w, g; lr) {
  state first = 0
  first <- if step == 1 then g else first
  w <- w - lr * g
}
"""
ABOVE = f"""
op above(x: [1, H, W]) -> y: index(2)[H, W] {{
  y[i, j] = index(if x[0, i, j] > {MASK} then 1 else 0, 2)
}}
"""


def program(net, optimizer):
    """The small net with a data section of files and a train section of one step an epoch."""
    whole, loss = text(net)
    fields, samples = NETS[net].fields, NETS[net].samples
    members = {name: "label" if f.classes else name for name, f in fields.items() if not f.mask}
    files = ", ".join(f'{member} = "{name}.npy"' for name, member in members.items())
    lines = [f"  {name} = " + ("above(image)" if f.mask else
                               f"index(source.label, {f.classes})" if f.classes else f"source.{name}")
             for name, f in fields.items()]
    whole += DESCENT + (ABOVE if any(f.mask for f in fields.values()) else "")
    name = whole[whole.index("\nnet ") + 5:].split("(")[0]
    return whole + "\n".join([
        "data fixed {", f"  source = npy({files}, split = {SPLIT})", *lines, "}",
        f"train {name} on fixed {{", f"  loss = {loss}", f"  optimizer = {optimizer}",
        f"  batch = {samples}", f"  epochs = {STEPS}", '  init = "start.safetensors"', "}", ""])


def settings(net):
    """The options that make `gnc` build the small net."""
    return [a for name, value in NETS[net].settings.items() for a in ("-s", f"{name}={value}")]


def writeWeights(path, tensors):
    """A safetensors file of names, each with a shape and an array of f32."""
    head, data, at = {}, [], 0
    for name, (shape, values) in tensors.items():
        data.append(values.tobytes())
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data[-1])]}
        at += len(data[-1])
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
