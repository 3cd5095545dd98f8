"""Trains Sketch on a GPU: the same networks, losses, optimizer and files as `easel train` (src/Easel.Training), in PyTorch.

    python3 train.py autoencoder --data sketch.data --run run --minutes 3
    python3 train.py diffusion   --data sketch.data --run run --minutes 5
    python3 train.py few-steps   --data sketch.data --run run --minutes 1
    python3 train.py check       --state run/diffusion-state.safetensors --batch batch.safetensors
    python3 train.py join        --run run --parts FOLDER

Both programs go on from each other's states. docs/training.md tells how a run on a lent GPU is done.
"""
import argparse
import json
import math
import os
import signal
import sys
import time

import torch
from torch.nn import functional as F

import networks
from data import SIDE, Pack, read_tensors, write_tensors

DIVERGENCE, SQUARE, EDGES = 1e-4, 2.0, 0.5  # AutoencoderTrainer
ALONE, ALONE_UNTIL, ALL_FROM = 0.95, 0.15, 0.35  # NoiseLevels
FLOOR = 0.04  # LearningRate
SCALED_BY = 1024  # DiffusionTrainer
ENCODING = 0.15  # the share of the time that encoding scenes may take
SAVE_EVERY, PART = 60, 15 << 20  # seconds; bytes of the parts in $OUT
BEGUN = time.time()
GUIDANCE, STRIDE = 3.0, 50  # few steps: the guidance that is built in, and the teacher's stride in timesteps


class State:
    """A run's state: TrainingState, FlatWeights, AdamW and AveragedWeights in one."""

    def __init__(self, path, module, device, begin=True):
        tensors, self.texts = read_tensors(path)
        self.names, self.device = self.texts["parameters"].split(" "), device
        self.shape, self.step = json.loads(self.texts["shape"]), int(self.texts["step"]) if "mean" in tensors else 0
        self.seconds, self.progress = float(self.texts.get("seconds", 0)), float(self.texts.get("progress", 0))
        self.decay, self.averaging = float(self.texts["weight_decay"]), float(self.texts["averaging"])
        self.module = module(self.shape).to(device)
        own = dict(self.module.named_parameters())
        if sorted(own) != sorted(self.names):
            raise SystemExit(f"{path}: other networks; only here {set(own) - set(self.names)}, only there {set(self.names) - set(own)}")
        if "seed" in self.texts:  # what TrainingState.SaveBegin wrote
            tensors = {"average": first_values(self.module, self.names, int(self.texts.pop("seed")), tensors)}
        self.average = tensors.pop("average").float().to(device)
        self.values = tensors.pop("weights").to(device) if "weights" in tensors else self.average.clone()
        self.mean = tensors.pop("mean").to(device) if "mean" in tensors else torch.zeros_like(self.values)
        self.square = tensors.pop("square").to(device) if "square" in tensors else torch.zeros_like(self.values)
        self.others = {name: tensor.float().to(device) for name, tensor in tensors.items()}
        self.gradients = torch.zeros_like(self.values)
        self.slices, at, decayed = [], 0, 0
        for name in self.names:
            parameter = own[name]
            size = parameter.numel()
            self.slices.append((parameter, at, size))
            if parameter.dim() >= 2:
                decayed = at + size
            at += size
        if at != self.values.numel():
            raise SystemExit(f"{path}: {self.values.numel()} numbers for networks of {at}")
        self.decayed = decayed
        self.use(self.values)
        if begin:
            for parameter, start, size in self.slices:
                parameter.grad = self.gradients[start:start + size].view(parameter.shape)

    def use(self, vector):
        """Lets the networks run on a vector of weights, whatever it becomes."""
        for parameter, start, size in self.slices:
            parameter.data = vector[start:start + size].view(parameter.shape)

    @torch.no_grad()
    def update(self, rate):
        """Moves the weights by their gradients, the average after them; AdamW.cs in operations on whole tensors."""
        norm = self.gradients.norm()
        scale = torch.where(torch.isfinite(norm), (1 / norm.clamp_min(1)), torch.zeros_like(norm))
        if self.device.type != "cuda" and not torch.isfinite(norm):
            self.gradients.zero_()
        else:
            gradient = torch.nan_to_num(self.gradients.mul_(scale))
            self.mean.lerp_(gradient, 0.1)
            self.square.lerp_(gradient.square(), 0.01)
            self.values[:self.decayed].mul_(1 - rate * self.decay)
            step = self.square.sqrt().mul_(1 / math.sqrt(1 - 0.99 ** self.step)).add_(1e-8)
            self.values.addcdiv_(self.mean, step, value=-rate / (1 - 0.9 ** self.step))
        self.gradients.zero_()
        self.average.lerp_(self.values, 1 - min(self.averaging, (1 + self.step) / (10 + self.step)))
        return norm

    def save(self, path, small=False):
        """The whole state, or the averages alone in half the bits, from which a run begins with a fresh optimizer."""
        texts = dict(self.texts, step=str(self.step), seconds=repr(self.seconds), progress=repr(self.progress))
        tensors = {"average": self.average.half()} if small else \
            {"weights": self.values, "mean": self.mean, "square": self.square, "average": self.average}
        write_tensors(path + ".part", {**tensors, **self.others}, texts)
        os.replace(path + ".part", path)


@torch.no_grad()
def first_values(module, names, seed, given):
    """What training begins with, as one vector: FlatWeights.Begin and FirstValues. The parameters that are given have those values."""
    generator, layers, parts = torch.Generator().manual_seed(seed), dict(module.named_modules()), []
    for name in names:
        layer_name, own = name.rsplit(".", 1)
        layer, in_unet = layers[layer_name], name.startswith("unet.")
        value = torch.zeros(getattr(layer, own).shape)
        if in_unet and (layer_name.endswith((".conv2", ".proj_out")) or layer_name == "unet.conv_out"):
            pass
        elif isinstance(layer, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
            value.fill_(1 if own == "weight" else 0)
        elif isinstance(layer, torch.nn.Embedding):
            value.normal_(0, 0.01 if "position" in layer_name else 0.02, generator=generator)
        elif own == "bias" and in_unet and isinstance(layer, torch.nn.Conv2d) and layer.kernel_size[0] == 3:
            value.normal_(0, 1, generator=generator)
        else:
            bound = (2 if ".attn2.to_v" in name or ".attn2.to_out" in name else 1) / math.sqrt(math.prod(layer.weight.shape[1:]))
            value.uniform_(-bound, bound, generator=generator)
        parts.append(given[name].float().flatten() if name in given else value.flatten())
    return torch.cat(parts)


def autoencoder_of(shape):
    holder = torch.nn.Module()
    holder.autoencoder = networks.Autoencoder(shape["channels"], shape["latent"], shape["groups"])
    return holder


def diffusion_of(shape):
    holder = torch.nn.Module()
    holder.unet = networks.UNet(shape["latent"], shape["channels"], shape["text_width"], shape["heads"])
    holder.text = networks.TextModel(shape["tokens"], shape["text_width"], shape["text_layers"], shape["text_heads"])
    return holder


def autoencoder_loss(network, pixels, noise):
    mean, deviation = network.encode(pixels)
    output = network.decode(mean + deviation * noise).float()
    mean, deviation = mean.float(), deviation.float()
    difference = output - pixels
    edges = (difference[..., 1:] - difference[..., :-1]).abs().mean() + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    divergence = 0.5 * (mean.square() + deviation.square() - 1 - 2 * deviation.log()).mean()
    return difference.abs().mean() + SQUARE * difference.square().mean() + EDGES * edges + DIVERGENCE * divergence


def diffusion_loss(networks_, noisy, target, times, weights, ids):
    prediction = networks_.unet(noisy, times, networks_.text(ids)).float()
    return ((prediction - target).square().mean((1, 2, 3)) * weights).mean()


def alphas():
    """Stable Diffusion's schedule stretched to end in pure noise (NoiseLevels.Schedule), fp64."""
    betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
    roots = (1 - betas).cumprod(0).sqrt()
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    return roots ** 2


def level_weights(alpha):
    """Min-SNR for v, with 1 added above the line (NoiseLevels.Weight)."""
    snr = alpha / (1 - alpha)
    return (snr.clamp_max(5) + 1) / (snr + 1)


def timesteps_at(share):
    return ((1 - (1 - share) ** 2) * 1000).long().clamp_max(999)


def least_at(progress):
    return min(1.0, max(0.0, 1 - (progress - ALONE_UNTIL) / (ALL_FROM - ALONE_UNTIL))) * ALONE


def rate_at(peak, step, warm_up, progress):
    return peak * min(1, step / warm_up) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * progress)))


def type_of(batch):
    return autoencoder_of if "pixels" in batch else diffusion_of


def check(arguments):
    """One step on a batch that `easel train` recorded, against the numbers that it came to."""
    batch, _ = read_tensors(arguments.batch)
    device = torch.device("cpu")
    state = State(arguments.state, type_of(batch), device)
    if "pixels" in batch:
        loss = autoencoder_loss(state.module.autoencoder, batch["pixels"], batch["noise"])
    else:
        loss = diffusion_loss(state.module, batch["noisy"], batch["target"], batch["times"], batch["weights"], batch["ids"])
        alpha = alphas()
        same("schedule", alpha[:-1].float(), batch["alphas"][:-1], 1e-6)
        same("what levels count", level_weights(alpha).float(), batch["level_weights"], 1e-5)
        same("timesteps", timesteps_at(batch["shares"].double()).float(), batch["timesteps"], 0)
        same("where levels begin", torch.tensor([least_at(p) for p in batch["shares"].tolist()]), batch["leasts"], 1e-6)
    if arguments.begin:
        begin = State(arguments.begin, type_of(batch), device)
        same("what training begins with", begin.values, batch["begin"], 2e-3)  # what is given has half the bits
    loss.backward()
    state.step += 1
    state.update(float(batch["rate"]))
    same("loss", loss.detach().view(1), batch["loss"].view(1), 1e-4 * float(batch["loss"].abs().max()))
    rate = float(batch["rate"])
    # A step of Adam's moves every weight by about the rate, whatever its gradient: gradients near zero may differ in sign.
    moved, expected = state.values - batch["before"], batch["after"] - batch["before"]
    apart = (moved - expected).abs()
    share = (apart > 0.05 * rate).float().mean().item()
    print(f"weights: {share:.4%} moved otherwise by more than a twentieth of the rate; mean {apart.mean().item() / rate:.2e} of the rate")
    if share > 0.01:
        raise SystemExit("the steps differ")
    if arguments.data:
        pack = Pack(arguments.data, device)
        same("painted scenes", pack.paint(batch["scenes"]), batch["painted"], 2e-3)
        if "ids" in batch:
            same("captions", pack.ids(batch["scenes"], torch.zeros(len(batch["scenes"]))).float(), batch["scene_ids"].float(), 0)
    print("the same step")


def same(what, one, other, most):
    apart = (one - other).abs().max().item()
    print(f"{what}: at most {apart:.2e} apart")
    if not apart <= most:
        raise SystemExit(f"{what}: {apart} apart, more than {most}")


class Loop:
    """Steps until the time is over: the log, the learning rate, and what is left at the end and every minute, should the run be cut off."""

    def __init__(self, arguments, state, name, batch, peak, warm_up):
        self.arguments, self.state, self.name, self.batch, self.peak, self.warm_up = arguments, state, name, batch, peak, warm_up
        self.began, self.before, self.first = time.time(), (state.seconds, state.progress), state.step
        self.logged, self.saved, self.losses = self.began, self.began, []
        self.path = os.path.join(arguments.run, f"{name}-state.safetensors")

    def steps(self):
        """(step, progress, rate) for each step."""
        limit = end_of(self.arguments) - self.began
        print(f"{self.name}: from {self.before[1]:.3f} to {self.arguments.until:.3f} of its way in {limit:.0f} s, batches of {self.batch}", flush=True)
        while True:
            elapsed = time.time() - self.began
            if elapsed >= limit and self.state.step > self.first:
                break
            share = min(1, elapsed / limit) if limit > 0 else 1
            self.state.progress = self.before[1] + (self.arguments.until - self.before[1]) * share
            self.state.seconds = self.before[0] + elapsed
            self.state.step += 1
            yield self.state.step, self.state.progress, rate_at(self.peak, self.state.step, self.warm_up, self.state.progress)
            if time.time() - self.saved > SAVE_EVERY:
                self.saved = time.time()
                self.leave()
        self.state.progress = self.arguments.until
        self.report(True)
        self.leave()

    def leave(self):
        """The state, to go on from here; its averages in half the bits; and those in parts in $OUT, from where they are brought back."""
        self.state.save(self.path)
        small = os.path.join(self.arguments.run, f"{self.name}-small.safetensors")
        self.state.save(small, small=True)
        if not os.environ.get("OUT"):
            return
        with open(small, "rb") as file:
            for i, part in enumerate(iter(lambda: file.read(PART), b"")):
                path = os.path.join(os.environ["OUT"], f"{self.name}-small.safetensors.{i}")
                with open(path + ".new", "wb") as to:
                    to.write(part)
                os.replace(path + ".new", path)

    def loss(self, loss):
        self.losses.append(loss.detach())
        self.report(False)

    def report(self, last):
        now = time.time()
        if not self.losses or (now - self.logged < 10 and not last):
            return
        mean = torch.stack(self.losses).mean().item()
        speed = len(self.losses) * self.batch / max(now - self.logged, 1e-9)
        line = f"{self.name} step {self.state.step} of its way {self.state.progress:.3f} loss {mean:.5f} {speed:.0f}/s"
        print(line, flush=True)
        with open(os.path.join(self.arguments.run, f"{self.name}.log"), "a") as file:
            file.write(line + "\n")
        self.logged, self.losses = now, []


def device_and_cast(arguments):
    device = torch.device("cuda" if torch.cuda.is_available() and not arguments.cpu else "cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return device, lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def end_of(arguments):
    """When this stage is to be over, loading and compiling counted in."""
    return arguments.end or BEGUN + arguments.minutes * 60


def seconds_left(arguments):
    return max(0.0, end_of(arguments) - time.time())


def fastest(function, sample, state, arguments, device, cast):
    """The function itself or compiled, whichever is faster on a batch like that; itself where compiling fails or takes a third of the time."""
    if device.type != "cuda" or arguments.plain:
        return function

    def timed(candidate):
        for i in range(10):
            if i == 2:
                torch.cuda.synchronize()
                began = time.time()
            with cast():
                loss = candidate(*sample)
            loss.backward()
        torch.cuda.synchronize()
        return (time.time() - began) / 8

    def too_long(*_):
        raise TimeoutError("it takes too long")

    before = signal.signal(signal.SIGALRM, too_long)
    try:
        plain, began = timed(function), time.time()
        signal.alarm(max(1, int(seconds_left(arguments) / 3)))
        compiled = torch.compile(function)
        fast = timed(compiled)
        signal.alarm(0)
        print(f"a step takes {plain * 1e3:.1f} ms, compiled {fast * 1e3:.1f} ms; compiling took {time.time() - began:.0f} s", flush=True)
        return compiled if fast < plain else function
    except Exception as e:
        print(f"not compiled: {type(e).__name__}: {str(e)[:300]}", flush=True)
        return function
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        state.gradients.zero_()


def train_autoencoder(arguments):
    device, cast = device_and_cast(arguments)
    pack = Pack(arguments.data, device)
    state = State(os.path.join(arguments.run, "autoencoder-state.safetensors"), autoencoder_of, device)
    network = state.module.autoencoder
    batch, crop = arguments.batch or (128 if device.type == "cuda" else 2), arguments.crop
    sample = torch.rand(batch, 3, crop, crop, device=device).contiguous(memory_format=torch.channels_last)
    noise = torch.randn(batch, network.latent, crop // network.factor, crop // network.factor, device=device)
    loss_of = fastest(autoencoder_loss, (network, sample, noise), state, arguments, device, cast)
    loop = Loop(arguments, state, "autoencoder", batch, arguments.rate or 1e-3, 100)
    pool, used = None, 0
    for step, progress, rate in loop.steps():
        generator = torch.Generator().manual_seed(step)
        # Painting takes longer than learning from a part: a scene is painted once and parts of it are taken for some steps.
        if pool is None or used >= 4:
            scenes = torch.randint(pack.count, (batch,), generator=generator)
            pool, used = pack.paint(scenes), 0
        used += 1
        left, top = (8 * torch.randint((SIDE - crop) // 8 + 1, (2,), generator=generator)).tolist()
        pixels = pool[:, :, top:top + crop, left:left + crop].contiguous(memory_format=torch.channels_last)
        noise = torch.randn(batch, network.latent, crop // network.factor, crop // network.factor, device=device)
        with cast():
            loss = loss_of(network, pixels, noise)
        loss.backward()
        state.update(rate)
        loop.loss(loss)


def encoded(arguments, pack, state, device, cast):
    """The first scenes' latents as the UNet takes them, fp16; the scale is found once in a run."""
    autoencoder = State(os.path.join(arguments.run, "autoencoder-state.safetensors"), autoencoder_of, device, begin=False)
    autoencoder.use(autoencoder.average)
    network, count, began, parts = autoencoder.module.autoencoder, min(arguments.scenes, pack.count), time.time(), []
    limit = seconds_left(arguments) * ENCODING
    with torch.no_grad():
        step, least = (256, 2 * SCALED_BY) if device.type == "cuda" else (8, 32)
        for first in range(0, count, step):
            pictures = pack.paint(torch.arange(first, min(first + step, count))).contiguous(memory_format=torch.channels_last)
            with cast():
                parts.append(network.encode(pictures)[0].half().contiguous())
            if time.time() - began > limit and first + step >= least:
                break
    latents = torch.cat(parts)
    if "latent_center" not in state.others:
        some = latents[:SCALED_BY].float()
        state.others["latent_center"], state.others["latent_spread"] = some.mean((0, 2, 3)), some.transpose(0, 1).flatten(1).std(1)
    for start in range(0, len(latents), 4096):
        part = latents[start:start + 4096].float()
        latents[start:start + 4096] = ((part - state.others["latent_center"].view(1, -1, 1, 1)) / state.others["latent_spread"].view(1, -1, 1, 1)).half()
    print(f"{len(latents)} scenes encoded in {time.time() - began:.0f} s", flush=True)
    return latents


def train_diffusion(arguments):
    device, cast = device_and_cast(arguments)
    pack = Pack(arguments.data, device)
    state = State(os.path.join(arguments.run, "diffusion-state.safetensors"), diffusion_of, device)
    latents = encoded(arguments, pack, state, device, cast)
    del pack.sprites
    count = len(latents)
    ids = pack.all_ids(count).to(device)
    empty = pack.ids(torch.zeros(1, dtype=torch.int64), torch.ones(1)).to(device)
    alpha = alphas()
    signal, spread, counts = (t.float().to(device) for t in (alpha.sqrt(), (1 - alpha).sqrt(), level_weights(alpha)))
    batch = arguments.batch or (256 if device.type == "cuda" else 4)
    sample = latents[:1].float().expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    ones = torch.ones(batch, device=device)
    loss_of = fastest(diffusion_loss, (state.module, sample, sample, ones, ones, ids[:1].long().expand(batch, -1).contiguous()), state, arguments, device, cast)
    loop = Loop(arguments, state, "diffusion", batch, arguments.rate or (1.5e-3 if device.type == "cuda" else 8e-4), 200)
    for step, progress, rate in loop.steps():
        generator = torch.Generator(device=device).manual_seed(step)
        scenes = torch.randint(count, (batch,), generator=generator, device=device)
        least = least_at(progress)
        share = least + (1 - least) * (torch.arange(batch, device=device) + torch.rand(batch, generator=generator, device=device)) / batch
        times = timesteps_at(share.double())
        clean = latents[scenes].float()
        noise = torch.randn(clean.shape, generator=generator, device=device)
        s, n = signal[times].view(-1, 1, 1, 1), spread[times].view(-1, 1, 1, 1)
        dropped = torch.rand(batch, generator=generator, device=device) < 0.1
        words = torch.where(dropped[:, None], empty, ids[scenes].long() & 0xFFFF)
        with cast():
            noisy, target = ((a * clean + b * noise).contiguous(memory_format=torch.channels_last) for a, b in ((s, n), (-n, s)))
            loss = loss_of(state.module, noisy, target, times.float(), counts[times], words)
        loss.backward()
        state.update(rate)
        loop.loss(loss)


def train_few_steps(arguments):
    """Consistency distillation ("Latent Consistency Models", arXiv 2310.04378) of the averaged model with its guidance built in: the student says from every
    level of noise what its own average says from the level that the teacher's next step of DDIM leads to."""
    device, cast = device_and_cast(arguments)
    pack = Pack(arguments.data, device)
    path = os.path.join(arguments.run, "few-steps-state.safetensors")
    teacher = State(os.path.join(arguments.run, "diffusion-state.safetensors"), diffusion_of, device, begin=False)
    teacher.use(teacher.average)
    if not os.path.exists(path):
        texts = dict(teacher.texts, step="0", seconds="0", progress="0", averaging="0.99")
        write_tensors(path, {"weights": teacher.average, "mean": torch.zeros_like(teacher.average), "square": torch.zeros_like(teacher.average),
                             "average": teacher.average, **teacher.others}, texts)
    state, target = State(path, diffusion_of, device), State(path, diffusion_of, device, begin=False)
    target.use(state.average)  # which is changed in place
    latents = encoded(arguments, pack, teacher, device, cast)
    del pack.sprites
    count = len(latents)
    ids = pack.all_ids(count).to(device)
    empty = pack.ids(torch.zeros(1, dtype=torch.int64), torch.ones(1)).to(device)
    alpha = alphas()
    signal, spread = (t.float().to(device) for t in (alpha.sqrt(), (1 - alpha).sqrt()))
    batch = arguments.batch or (256 if device.type == "cuda" else 4)
    loop = Loop(arguments, state, "few-steps", batch, arguments.rate or 2e-4, 20)
    levels = torch.arange(STRIDE - 1, 1000, STRIDE, device=device)  # 49, 99, ..., 999
    for step, progress, rate in loop.steps():
        generator = torch.Generator(device=device).manual_seed(step)
        scenes = torch.randint(count, (batch,), generator=generator, device=device)
        now = levels[torch.randint(len(levels), (batch,), generator=generator, device=device)]
        then = now - STRIDE  # -1: no noise at all
        s, n = signal[now].view(-1, 1, 1, 1), spread[now].view(-1, 1, 1, 1)
        s2 = torch.where(then >= 0, signal[then.clamp_min(0)], torch.ones_like(signal[now])).view(-1, 1, 1, 1)
        n2 = torch.where(then >= 0, spread[then.clamp_min(0)], torch.zeros_like(signal[now])).view(-1, 1, 1, 1)
        clean = latents[scenes].float()
        noisy = s * clean + n * torch.randn(clean.shape, generator=generator, device=device)
        words = ids[scenes].long() & 0xFFFF
        with torch.no_grad(), cast():
            both = teacher.module.text(torch.cat([words, empty.expand(batch, -1)]))
            v = teacher.module.unet(torch.cat([noisy, noisy]), torch.cat([now, now]).float(), both).float()
            v = v[batch:] + GUIDANCE * (v[:batch] - v[batch:])
            next_ = s2 * (s * noisy - n * v) + n2 * (n * noisy + s * v)
            seen = target.module.unet(next_, then.clamp_min(0).float(), target.module.text(words)).float()
            wanted = torch.where((then >= 0).view(-1, 1, 1, 1), s2 * next_ - n2 * seen, next_)
        with cast():
            v = state.module.unet(noisy, now.float(), state.module.text(words)).float()
        apart = s * noisy - n * v - wanted
        loss = ((apart.square() + 1e-3 ** 2).sqrt() - 1e-3).mean()
        loss.backward()
        state.update(rate)
        loop.loss(loss)


def join(arguments):
    """Puts together the parts that a run left in its $OUT, as states to go on from, to write models of, or to begin few steps from."""
    for name in ("autoencoder", "diffusion", "few-steps"):
        whole = f"{name}-small.safetensors"
        parts = sorted(part for part in os.listdir(arguments.parts) if part.startswith(whole + ".") and part[len(whole) + 1:].isdigit())
        if not parts:
            continue
        path = os.path.join(arguments.run, f"{name}-state.safetensors")
        with open(path + ".part", "wb") as to:
            for part in parts:
                with open(os.path.join(arguments.parts, part), "rb") as file:
                    to.write(file.read())
        _, texts = read_tensors(path + ".part")  # which fails on what is not whole
        os.replace(path + ".part", path)
        print(f"{path}: {float(texts['progress']):.3f} of its way, {len(parts)} parts")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["autoencoder", "diffusion", "few-steps", "check", "join"])
    parser.add_argument("--data", help="the data set of easel train data")
    parser.add_argument("--run", help="the folder with the states, in which new ones are written")
    parser.add_argument("--minutes", type=float, default=1, help="how long the whole stage takes")
    parser.add_argument("--end", type=float, help="in place of minutes: when it is to be over, in seconds since 1970")
    parser.add_argument("--until", type=float, default=1, help="the share of the whole way that is done at the end")
    parser.add_argument("--batch", help="pictures at a time; for check: the recorded batch")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--scenes", type=int, default=1 << 30, help="train on the first N scenes")
    parser.add_argument("--state", help="for check: the state before the step")
    parser.add_argument("--begin", help="for check: what training begins with")
    parser.add_argument("--parts", help="for join: the folder with the parts")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--plain", action="store_true", help="compile nothing")
    arguments = parser.parse_args()
    if arguments.stage == "check":
        return check(arguments)
    if arguments.stage == "join":
        return join(arguments)
    arguments.batch = int(arguments.batch) if arguments.batch else None
    return {"autoencoder": train_autoencoder, "diffusion": train_diffusion, "few-steps": train_few_steps}[arguments.stage](arguments)


if __name__ == "__main__":
    sys.exit(main())
