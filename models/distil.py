"""Trains MTCNN's networks for eight bits: the int8 form learns to answer as the fp32 one does (Hinton et al. 2015,
with simulated quantisation as Jacob et al. 2018 and learnt steps as Esser et al. 2020).

The int8 form has no PReLU. Behind a pooling PReLU(x) = max(x, a·x), so the convolution says both, both are pooled, and
the larger counts. The first layer, of three channels only, stays in floats. Elsewhere PReLU(x) = relu(x) - a·relu(-x): a
channel becomes two, x and -x, where the negative half matters, and rounding to unsigned eight bits is the relu.
"""

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from graph import MTCNN

# Channels of the layers that are not pooled: those of the fp32 form and as many negative halves as matter.
WIDTHS = {"pnet": (0, 32, 64), "rnet": (0, 0, 128, 256), "onet": (0, 0, 0, 256, 512)}
STEPS = {"pnet": 500, "rnet": 400, "onet": 250}
BATCH = {"pnet": 48, "rnet": 128, "onet": 32}
RATE = 5e-4
# P-Net's heads say eight bits too: logits in this range, edges of the box 16 times as fine.
PNET_LOGIT, PNET_GAIN = (-7.5, 15.0), np.array([16, 16, 16, 16, 1], np.float32)
OUTLIERS = 1e-4  # the share of values at each end of a range that are cut off
# The weight of a box edge's (a landmark's) squared error, in box sides, beside the score's cross entropy.
EDGE, POINT = {"pnet": 20.0, "rnet": 50.0, "onet": 100.0}, 200.0


def teacher(net: str, tensors: dict) -> list[dict]:
    """The fp32 layers as valid convolutions [out, in, height, width] on raw 0..255; the last is all heads."""
    of = lambda name: (tensors[name + ".weight"].astype(np.float64), tensors[name + ".bias"].astype(np.float64))
    spec, layers = MTCNN[net], []
    for index, (conv, prelu, pool) in enumerate(spec["convs"]):
        weight, bias = of(conv)
        if index == 0:
            weight, bias = weight / 128, bias - weight.sum((1, 2, 3)) * 127.5 / 128
        layers.append({"w": weight, "b": bias, "a": tensors[prelu + ".weight"].astype(np.float64), "pool": pool})
    if net == "pnet":
        edge, score = of("conv4_2"), of("conv4_1")
        heads = [edge]
    else:
        dense, prelu = spec["dense"]
        weight, bias = of(dense)
        layers.append({"w": weight.reshape(len(weight), 3, 3, -1).transpose(0, 3, 2, 1), "b": bias,
                       "a": tensors[prelu + ".weight"].astype(np.float64), "pool": None})
        heads, score = [of(name) for name in spec["heads"].values()], of(spec["prob"])
    heads.append((score[0][1:] - score[0][:1], score[1][1:] - score[1][:1]))
    weight, bias = (np.concatenate(part) for part in zip(*heads))
    layers.append({"w": weight.reshape(*weight.shape[:2], 1, 1), "b": bias, "a": None, "pool": None})
    return layers


def _conv(x, w, b):
    """Valid convolution, NHWC; a layer as large as its map is a product of matrices."""
    if w.shape[2:] == x.shape[1:3]:
        return (x.reshape(len(x), -1) @ w.transpose(2, 3, 1, 0).reshape(-1, len(w)) + b)[:, None, None]
    return jax.lax.conv_general_dilated(x, w.transpose(2, 3, 1, 0), (1, 1), "VALID",
                                        dimension_numbers=("NHWC", "HWIO", "NHWC")) + b


def _pool(x, window: int, stride: int, empty: float):
    """Maximum pooling that also counts windows which hang over the end."""
    count = [-(-(side - window) // stride) + 1 for side in x.shape[1:3]]
    over = [max(0, (n - 1) * stride + window - side) for n, side in zip(count, x.shape[1:3])]
    x = jnp.pad(x, ((0, 0), (0, over[0]), (0, over[1]), (0, 0)), constant_values=empty)
    parts = [x[:, i:i + (count[0] - 1) * stride + 1:stride, j:j + (count[1] - 1) * stride + 1:stride]
             for i in range(window) for j in range(window)]
    return jax.tree.reduce(jnp.maximum, parts)


def answer(layers, x, seen: list | None = None):
    """The fp32 form: [n, height, width, outputs], the face's logit last. `seen` receives what each layer says."""
    for layer in layers:
        x = _conv(x, layer["w"], layer["b"])
        if layer["a"] is not None:
            if seen is not None:
                seen.append(x)
            x = jnp.maximum(x, 0) + layer["a"] * jnp.minimum(x, 0)
        if layer["pool"]:
            x = _pool(x, *layer["pool"], -1e30)
    return x


def _rounded(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def weight_steps(w):
    return jnp.maximum(jnp.abs(w).max((1, 2, 3), keepdims=True), 1e-8) / 127


def _whole(x, step, zero):
    """In steps from -zero to 255 - zero."""
    return (jnp.clip(_rounded(x / step) + zero, 0, 255) - zero) * step


def simulated(student, fixed, x):
    """The int8 form as integers would have it, in floats that gradients pass through."""
    for index, (layer, shape) in enumerate(zip(student, fixed)):
        w, b = layer["w"] * shape["row"], layer["b"] * shape["row"][:, 0, 0, 0]
        if index:
            steps = weight_steps(w)
            w = _rounded(w / steps) * steps
        x = _conv(x, w, b)
        whole = partial(_whole, step=jnp.exp(layer["step"]) if "step" in layer else shape.get("step"), zero=shape["zero"])
        if "gain" in shape:
            x = whole(x * shape["gain"]) / shape["gain"]
        elif shape["pool"]:
            # The first layer is in floats, and there the larger of both is rounded; the later ones are rounded before.
            x = _pool(whole(x) if index else x, *shape["pool"], -1e30)
            x = jnp.maximum(*jnp.split(x, 2, axis=-1))
            x = x if index else whole(x)
        elif "step" in layer:
            x = whole(x)
    return x


def begin(layers, widths, pictures):
    """The int8 form before training: channels doubled, and scaled so that each uses its range (as Nagel et al. 2019
    equalise). `student` is trained, `fixed` is not: pooling, zero points, and the size of each row of weights."""
    seen = []
    answer(layers, pictures, seen)
    student, fixed, columns = [], [], None
    for index, layer in enumerate(layers):
        w, b, part, zero = np.array(layer["w"]), np.array(layer["b"]), {}, 0.0
        if columns is not None:
            source, factor = columns
            w = w[:, source] * factor[:, None, None]
        if index < len(layers) - 1:
            x, following = np.array(seen[index]), np.abs(layers[index + 1]["w"])
            if layer["pool"]:
                # Where a > 1, max(x, a·x) is not PReLU, but a·x - (a - 1)·relu(x) is.
                slope = np.array(layer["a"])
                steep = np.nonzero(slope > 1)[0]
                source = np.concatenate([np.arange(len(w)), steep])
                factor = np.concatenate([np.maximum(slope, 1), 1 - slope[steep]])
                slope = np.concatenate([np.minimum(slope, 1), np.zeros(len(steep))])
                w, b, x = w[source], b[source], x[..., source]
                w, b = np.concatenate([w, w * slope[:, None, None, None]]), np.concatenate([b, b * slope])
                values = np.array(_pool(jnp.maximum(x, slope * x), *layer["pool"], -1e30))
            else:
                slope = np.array(layer["a"])
                matters = np.abs(slope) * np.sqrt((np.minimum(x, 0) ** 2).mean((0, 1, 2)) * (following ** 2).sum((0, 2, 3)))
                halves = np.argsort(-matters, kind="stable")[:widths[index] - len(w)]
                source = np.concatenate([np.arange(len(w)), halves])
                sign = np.concatenate([np.ones(len(w)), -np.ones(len(halves))])
                w, b = w[source] * sign[:, None, None, None], b[source] * sign
                factor = np.where(sign > 0, 1, -slope[source])
                values = np.maximum(x[..., source] * sign, 0)
            values = values.reshape(-1, values.shape[-1])
            high = np.maximum(np.quantile(values, 1 - OUTLIERS, axis=0), 1e-3)
            low = np.minimum(np.quantile(values, OUTLIERS, axis=0), 0)
            # Halfway between equal ranges of the values and equal columns of the next weights.
            column = np.abs(factor) * following[:, source].max((0, 2, 3))
            scale = np.sqrt((high - low) / np.maximum(column, 1e-3 * column.max()))
            columns, every = (source, factor * scale), np.tile(scale, len(w) // len(scale))
            w, b = w / every[:, None, None, None], b / every
            low, high = (low / scale).min(), (high / scale).max()
            part["step"], zero = np.log((high - low) / 255), np.rint(-255 * low / (high - low))
        row = np.maximum(np.sqrt((w ** 2).mean((1, 2, 3), keepdims=True)), 1e-6)
        part |= {"w": w / row, "b": b / row[:, 0, 0, 0]}
        student.append({key: jnp.asarray(value, jnp.float32) for key, value in part.items()})
        fixed.append({"row": jnp.asarray(row, jnp.float32), "pool": layer["pool"], "zero": float(zero)})
    if following.shape[0] == len(PNET_GAIN):
        fixed[-1] |= {"gain": PNET_GAIN, "step": (PNET_LOGIT[1] - PNET_LOGIT[0]) / 255,
                      "zero": float(np.rint(-255 * PNET_LOGIT[0] / (PNET_LOGIT[1] - PNET_LOGIT[0])))}
    return student, fixed


def _loss(student, fixed, x, wanted, net: str):
    got = simulated(student, fixed, x)
    logit, sure = got[..., -1], jnp.clip(wanted[..., -1], -9, 9)
    face = jax.nn.sigmoid(sure)
    cross = jax.nn.softplus(logit) - face * logit - (jax.nn.softplus(sure) - face * sure)
    apart = jnp.abs(jnp.clip(logit, -9, 9) - sure)
    cross = cross + 0.02 * jnp.where(apart < 1, apart ** 2 / 2, apart - 0.5)
    counts = 0.03 + jax.nn.sigmoid(sure + 3)
    near = jax.nn.sigmoid(2 * sure + 2)[..., None]
    edges = EDGE[net] * (near * (got[..., :4] - wanted[..., :4]) ** 2).sum(-1)
    points = POINT * (near * (got[..., 4:-1] - wanted[..., 4:-1]) ** 2).sum(-1)
    return (counts * cross + edges + points).sum() / counts.sum()


def _varied(batch, draw):
    """Mirrored, brighter or darker, with more or less contrast, tinted; black stays black."""
    batch = np.where(draw.random((len(batch), 1, 1, 1)) < 0.5, batch[:, :, ::-1], batch).astype(np.float32)
    gain = np.exp(draw.normal(0, 0.25, (len(batch), 1, 1, 1)) + draw.normal(0, 0.05, (len(batch), 1, 1, 3)))
    offset = draw.normal(0, 12, (len(batch), 1, 1, 1)) * (batch.max(-1, keepdims=True) > 0)
    changed = np.where(draw.random((len(batch), 1, 1, 1)) < 0.5, batch * gain + offset, batch)
    return np.rint(np.clip(changed, 0, 255)).astype(np.float32)


def train(net: str, tensors: dict, pool: np.ndarray, say, steps: int | None = None, widths=None, rate=RATE, seed=1):
    """(student, fixed) after training. `pool`: uint8 windows [n, side, side, 3]."""
    layers = teacher(net, tensors)
    layers = [{**layer, "w": np.float32(layer["w"]), "b": np.float32(layer["b"]),
               "a": None if layer["a"] is None else np.float32(layer["a"])} for layer in layers]
    steps, draw = steps or STEPS[net], np.random.default_rng(seed)
    first = pool[draw.permutation(len(pool))[:256]].astype(np.float32)
    student, fixed = begin(layers, widths or WIDTHS[net], first)
    ask = jax.jit(lambda x: answer(layers, x))

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(student, mean, square, x, wanted, turn, rate):
        loss, slope = jax.value_and_grad(lambda s: _loss(s, fixed, x, wanted, net))(student)
        size = jnp.sqrt(sum((g ** 2).sum() for g in jax.tree.leaves(slope)))
        slope = jax.tree.map(lambda g: g * jnp.minimum(1, 5 / (size + 1e-9)), slope)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
        unbiased = lambda value, keep: value / (1 - keep ** turn)
        student = jax.tree.map(lambda s, m, v: s - rate * unbiased(m, 0.9) / (jnp.sqrt(unbiased(v, 0.999)) + 1e-8),
                               student, mean, square)
        return student, mean, square, loss

    mean, square = (jax.tree.map(jnp.zeros_like, student) for _ in range(2))
    total, started = 0.0, time.monotonic()
    for turn in range(1, steps + 1):
        x = _varied(pool[draw.integers(len(pool), size=BATCH[net])], draw)
        now = rate * min(1, turn / 50) * 0.5 * (1 + np.cos(np.pi * turn / steps))
        student, mean, square, loss = step(student, mean, square, x, ask(x), float(turn), now)
        total += float(loss)
        if turn % 50 == 0 or turn == steps:
            say(f"{net}: step {turn} of {steps}, loss {total / (turn % 50 or 50):.4f}, "
                f"{time.monotonic() - started:.0f} s")
            total = 0.0
    return student, fixed
