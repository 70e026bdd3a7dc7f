"""The example nets in PyTorch, written by hand from the papers and the examples' figures, not from gnc's
library. Weights are made when they are first asked for, by their path (nets.py)."""
import torch
import torch.nn.functional as F

import nets


class Weights:
    """All tensors of a net by path. Parameters have gradients; states change in training."""

    def __init__(self, net, dtype):
        self.net, self.dtype, self.training, self.tensors = net, dtype, True, {}

    def get(self, path, shape):
        if path not in self.tensors:
            values = torch.tensor(nets.weight(self.net, path, shape), dtype=self.dtype).reshape(shape)
            self.tensors[path] = values.requires_grad_(not nets.isState(path))
        return self.tensors[path]

    def parameters(self):
        return {path: t for path, t in self.tensors.items() if t.requires_grad}


class Scope:
    """A block of the text. The second layer of a name in it is `name.2`."""

    def __init__(self, weights, path):
        self.weights, self.path, self.uses = weights, path, {}

    def inside(self, name, number=None):
        n = self.uses[name] = number or self.uses.get(name, 0) + 1
        return Scope(self.weights, f"{self.path}.{name}" + (f".{n}" if n > 1 else ""))

    def get(self, name, *shape):
        return self.weights.get(f"{self.path}.{name}", shape)

    def conv(self, x, k, size=3, stride=1, pad=0, groups=1, bias=True, number=None):
        s = self.inside("conv", number)
        w = s.get("w", k, x.shape[1] // groups, size, size)
        pad = (size - 1) // 2 if pad == "half" else pad
        return F.conv2d(x, w, s.get("b", k) if bias else None, stride, pad, 1, groups)

    def convUp(self, x, k):
        s = self.inside("conv_up")
        return F.conv_transpose2d(x, s.get("w", x.shape[1], k, 2, 2), s.get("b", k), stride=2)

    def linear(self, x, out, name="linear"):
        s = self.inside(name)
        return F.linear(x, s.get("w", out, x.shape[-1]), s.get("b", out))

    def bn(self, x):
        s, c = self.inside("bn"), x.shape[1]
        return F.batch_norm(x, s.get("mu", c), s.get("var", c), s.get("g", c), s.get("b", c),
                            self.weights.training, 0.1, 1e-5)

    def cbr(self, x, k, size=3, stride=1, groups=1, act=F.relu, number=None):
        s = self.inside("conv_bn_relu", number)
        return act(s.bn(s.conv(x, k, size, stride, "half", groups, bias=False)))

    def layerNorm(self, x):
        s, d = self.inside("layer_norm_each"), x.shape[-1]
        return F.layer_norm(x, (d,), s.get("g", d), s.get("b", d), 1e-6)

    def excite(self, x, k, act, name):
        s = self.inside(name)
        gate = torch.sigmoid(s.linear(act(s.linear(x.mean((2, 3)), k)), x.shape[1]))
        return x * gate[:, :, None, None]


def mlp(s, image):
    return s.linear(F.relu(s.linear(image.flatten(1), 128)), 10)


def lenet(s, image):
    x = F.max_pool2d(F.relu(s.conv(image, 32, 5)), 2)
    return s.linear(F.relu(s.linear(x.flatten(1), 128)), 10)


def lenet_smooth(s, image):
    x = F.avg_pool2d(torch.tanh(s.conv(image, 32, 5)), 2)
    return s.linear(torch.tanh(s.linear(x.flatten(1), 128)), 10)


def custom_conv(s, image):
    t = s.inside("templates")
    w = t.get("template", 5, 5, 1, 32).permute(3, 2, 0, 1)
    x = F.max_pool2d(F.relu(F.conv2d(image, w, t.get("bias", 32))), 2)
    return s.linear(F.relu(s.linear(x.flatten(1), 128)), 10)


def resnet18(s, image):
    x = s.cbr(image, 8)
    for k, stride in [(8, 1), (8, 1), (16, 2), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)]:
        b = s.inside("basic")
        f = b.bn(b.conv(b.cbr(x, k, 3, stride), k, 3, 1, "half", bias=False))
        x = F.relu(f + (b.bn(b.conv(x, k, 1, stride, bias=False)) if stride == 2 else x))
    return s.linear(x.mean((2, 3)), 10)


def resnet50(s, image):
    x = F.max_pool2d(s.cbr(image, 8, 7, 2), 3, 2, 1)
    for i, (k, n, stride) in enumerate([(8, 3, 1), (16, 4, 2), (32, 6, 2), (64, 3, 2)]):
        r = Scope(s.weights, f"{s.path}.for.{i}")
        for j in range(n):
            b, step = r.inside("bottleneck"), stride if j == 0 else 1
            f = b.cbr(b.cbr(x, k, 1), k, 3, step)
            f = b.bn(b.conv(f, 4 * k, 1, bias=False))
            same = step == 1 and x.shape[1] == 4 * k
            x = F.relu(f + (x if same else b.bn(b.conv(x, 4 * k, 1, step, bias=False))))
    return s.linear(x.mean((2, 3)), 10)


def vgg(s, image):
    x = image
    for k, n in [(8, 2), (16, 2), (32, 3), (64, 3), (64, 3)]:
        for _ in range(n):
            x = s.cbr(x, k)
        x = F.max_pool2d(x, 2)
    x = F.relu(s.linear(x.flatten(1), 64))
    return s.linear(F.relu(s.linear(x, 64)), 10)


def unet(s, image):
    def double(t, x, k):
        d = t.inside("double")
        return d.cbr(d.cbr(x, k), k)

    x, skips = image, []
    for k in (4, 8, 16, 32):
        x = double(s, x, k)
        skips.append(x)
        x = F.max_pool2d(x, 2)
    x = double(s, x, 64)
    for k in (32, 16, 8, 4):
        u = s.inside("up")
        x = double(u, torch.cat([skips.pop(), u.convUp(x, k)], 1), k)
    return s.conv(x, 2, 1)


def mobilenetv2(s, image):
    def width(c):  # a quarter, a multiple of 8, not less than 0.9 of it
        n = max(8, int(c / 4 + 4) // 8 * 8)
        return n + 8 if n < 0.9 * c / 4 else n

    x = s.cbr(image, width(32), 3, 2, act=F.relu6)
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
             (6, 160, 3, 2), (6, 320, 1, 1)]
    for i, (t, c, n, stride) in enumerate(table):
        r, k = Scope(s.weights, f"{s.path}.for.{i}"), width(c)
        for j in range(n):
            b, step, h = r.inside("bottleneck"), stride if j == 0 else 1, x.shape[1] * t
            y = x if t == 1 else b.cbr(x, h, 1, act=F.relu6, number=1)
            y = b.cbr(y, h, 3, step, h, F.relu6, number=2)
            y = b.bn(b.conv(y, k, 1, bias=False))
            x = x + y if step == 1 and x.shape[1] == k else y
    return s.linear(s.cbr(x, 1280, 1, act=F.relu6).mean((2, 3)), 10)


def efficientnet(s, image):
    x = s.cbr(image, 8, 3, 2, act=F.silu)
    table = [(1, 3, 1, 8, 1), (6, 3, 2, 8, 2), (6, 5, 2, 16, 2), (6, 3, 2, 16, 3), (6, 5, 1, 24, 3),
             (6, 5, 2, 24, 4), (6, 3, 1, 32, 1)]
    for i, (t, size, stride, k, n) in enumerate(table):
        for j in range(n):
            b = Scope(s.weights, f"{s.path}.for.{i}.for.{j}.mbconv")
            step, c = stride if j == 0 else 1, x.shape[1]
            y = x if t == 1 else b.cbr(x, c * t, 1, act=F.silu, number=1)
            y = b.cbr(y, c * t, size, step, c * t, F.silu, number=2)
            y = b.excite(y, c // 4, F.silu, "squeeze_excite")
            y = b.bn(b.conv(y, k, 1, bias=False))
            x = x + y if step == 1 and c == k else y
    return s.linear(s.cbr(x, 64, 1, act=F.silu).mean((2, 3)), 10)


def siamese(s, left, right):
    def embed(x):
        t = Scope(s.weights, f"{s.path}.embed")
        x = F.max_pool2d(F.relu(t.conv(x, 32, 5)), 2)
        x = F.max_pool2d(F.relu(t.conv(x, 64, 5)), 2)
        x = t.linear(x.flatten(1), 128)
        return x / (x.square().sum(1, keepdim=True) + 1e-12).sqrt()

    return ((embed(left) - embed(right)).square().sum(1) + 1e-12).sqrt()


def squeezenet(s, image):
    x = F.relu(s.conv(image, 8, 3, 2))
    for i, (squeeze, expand) in enumerate([(4, 8), (4, 8), (8, 16), (8, 16), (12, 24), (12, 24),
                                           (8, 32), (8, 32)]):
        if i in (0, 2, 4):
            x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        f = s.inside("fire")
        x = F.relu(f.conv(x, squeeze, 1))
        e = f.inside("expand_both")
        x = torch.cat([F.relu(e.conv(x, expand, 1)), F.relu(e.conv(x, expand, 3, 1, 1))], 1)
    return F.relu(s.conv(x, 10, 1)).mean((2, 3))


def densenet(s, image):
    x = s.conv(image, 24, 3, 1, 1, bias=False)
    for stage in range(3):
        for _ in range(3):
            d = s.inside("dense")
            f = d.conv(F.relu(d.bn(x)), 48, 1, bias=False)
            f = d.conv(F.relu(d.bn(f)), 12, 3, 1, 1, bias=False)
            x = torch.cat([x, f], 1)
        if stage < 2:
            t = s.inside("transition")
            x = F.avg_pool2d(t.conv(F.relu(t.bn(x)), x.shape[1] // 2, 1, bias=False), 2)
    return s.linear(F.relu(s.bn(x)).mean((2, 3)), 10)


def autoencoder(s, image):
    x = F.relu(s.conv(image, 16, 3, 2, 1))
    x = F.relu(s.conv(x, 32, 3, 2, 1))
    x = F.relu(s.linear(s.linear(x.flatten(1), 32), 32 * 49)).reshape(-1, 32, 7, 7)
    return s.convUp(F.relu(s.convUp(x, 16)), 1)


def vit(s, image):
    x = s.conv(image, 48, 8, 8).flatten(2).transpose(1, 2)
    e = s.inside("embed")
    first = e.get("class", 48).expand(len(x), 1, 48)
    x = torch.cat([first, x], 1) + e.get("place", 17, 48)
    for _ in range(2):
        b = s.inside("encoder")
        a, y = b.inside("attention"), b.layerNorm(x)
        q, k, v = (a.linear(y, 48, "linear_each").reshape(-1, 17, 3, 16).transpose(1, 2)
                   for _ in range(3))
        y = torch.softmax(q @ k.transpose(2, 3) / 4, -1) @ v
        x = x + a.linear(y.transpose(1, 2).reshape(-1, 17, 48), 48, "linear_each")
        y = F.gelu(b.linear(b.layerNorm(x), 192, "linear_each"))
        x = x + b.linear(y, 48, "linear_each")
    return s.linear(s.layerNorm(x)[:, 0], 10)


def googlenet(s, image):
    def cr(t, x, k, size=1, stride=1):
        return F.relu(t.inside("conv_relu").conv(x, k, size, stride, "half"))

    def lrn(x):  # PyTorch divides alpha by the number of channels
        return F.local_response_norm(x, 5, 5 * 1e-4, 0.75, 2)

    def pool(x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    x = lrn(pool(cr(s, image, 8, 7, 2)))
    x = cr(s, x, 8)
    x = pool(lrn(cr(s, x, 24, 3)))
    table = [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
             (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
             (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
             (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]
    for row in table:
        if not row:
            x = pool(x)
            continue
        one, reduce3, three, reduce5, five, last = (n // 8 for n in row)
        t = s.inside("inception")
        x = torch.cat([cr(t, x, one), cr(t, cr(t, x, reduce3), three, 3),
                       cr(t, cr(t, x, reduce5), five, 5), cr(t, F.max_pool2d(x, 3, 1, 1), last)], 1)
    return s.linear(x.mean((2, 3)), 10)


def alexnet(s, image):
    def lrn(x):
        return F.local_response_norm(x, 5, 5 * 1e-4, 0.75, 2)

    x = F.max_pool2d(lrn(F.relu(s.conv(image, 12, 11, 4))), 3, 2)
    x = F.max_pool2d(lrn(F.relu(s.conv(x, 32, 5, 1, 2, 2))), 3, 2)
    x = F.relu(s.conv(x, 48, 3, 1, 1))
    x = F.relu(s.conv(x, 48, 3, 1, 1, 2))
    x = F.max_pool2d(F.relu(s.conv(x, 32, 3, 1, 1, 2)), 3, 2).flatten(1)
    return s.linear(F.relu(s.linear(F.relu(s.linear(x, 64)), 64)), 10)


class Quantize(torch.autograd.Function):
    """Rounds to 1/64; the gradient goes straight through where |x| <= 1."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.round(x * 64) / 64

    @staticmethod
    def backward(context, gradient):
        return gradient * (context.saved_tensors[0].abs() <= 1)


def custom(s, image):
    x = Quantize.apply(s.conv(image, 32, 3, 1, 1))
    for i in range(6):
        m, c = s.inside("mixer"), x.shape[1]
        y = F.conv2d(x, m.inside("depthwise_conv").get("w", c, 5, 5)[:, None], padding=2, groups=c)
        n = m.inside("norm")
        y = F.group_norm(y, 8, n.get("g", c), n.get("b", c), 1e-5)
        y = F.mish(m.conv(y, 2 * c, 1))
        x = x + m.conv(m.excite(y, c // 2, F.mish, "excite"), c, 1)
        if i == 2:
            x = s.conv(F.max_pool2d(x, 2), 64, 1)
    return s.linear(F.max_pool2d(x, 2).mean((2, 3)), 10)


fashion = lenet
SCOPES = {"mlp": "Mlp", "lenet": "LeNet", "fashion": "LeNet", "lenet_smooth": "SmoothLeNet",
          "custom_conv": "LeNet", "resnet18": "ResNet18", "vgg": "VGG16", "unet": "UNet",
          "mobilenetv2": "MobileNetV2", "siamese": "Siamese", "squeezenet": "SqueezeNet",
          "densenet": "DenseNet", "autoencoder": "Autoencoder", "vit": "ViT",
          "efficientnet": "EfficientNet", "googlenet": "GoogLeNet", "alexnet": "AlexNet",
          "resnet50": "ResNet50", "custom": "MixNet"}


def outputs(net, weights, data):
    inputs = [data[k] for k in ("image", "left", "right") if k in data]
    return globals()[net](Scope(weights, SCOPES[net]), *inputs)


def loss(net, y, data):
    """What the example's train section says, the mean over the batch."""
    if net == "autoencoder":
        return F.binary_cross_entropy_with_logits(y, data["image"])
    if net == "siamese":
        apart = torch.clamp(1 - y, min=0).square()
        return torch.where(data["same"] == 1, y.square(), apart).mean()
    if net == "unet":
        p, t = torch.softmax(y, 1), F.one_hot(data["mask"], 2).permute(0, 3, 1, 2).to(y.dtype)
        dice = (2 * (p * t).sum((2, 3)) + 1) / ((p + t).sum((2, 3)) + 1)
        return F.cross_entropy(y, data["mask"]) + (1 - dice.mean(1)).mean()
    smooth = 0.1 if net in ("resnet50", "efficientnet", "vit") else 0
    return F.cross_entropy(y, data["label"], label_smoothing=smooth)
