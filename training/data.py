"""Reads what `easel train data` packs, paints its scenes as src/Easel.Training/Data/SceneRenderer.cs does, and reads and writes safetensors."""
import json
import struct
import zlib

import torch
from torch.nn import functional as F

SIDE, COLOURS, LEVELS, NUMBERS, TEXT = 256, 256, 4, 33, 77
TYPES = {"U8": torch.uint8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64, "F16": torch.float16, "F32": torch.float32}


def read_tensors(path):
    """The tensors of a safetensors file, and its texts."""
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(bytes(whole[8:8 + length]))
    texts = header.pop("__metadata__", {})
    tensors = {}
    for name, info in header.items():
        start, end = (8 + length + at for at in info["data_offsets"])
        tensors[name] = torch.frombuffer(whole[start:end], dtype=TYPES[info["dtype"]]).view(info["shape"]) if end > start \
            else torch.empty(info["shape"], dtype=TYPES[info["dtype"]])
    return tensors, texts


def write_tensors(path, tensors, texts):
    names = {value: key for key, value in TYPES.items()}
    header, parts, at = {"__metadata__": texts}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        flat = tensor.detach().cpu().contiguous().flatten()
        size = flat.numel() * flat.element_size()
        header[name] = {"dtype": names[flat.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        parts.append(flat)
        at += size
    head = json.dumps(header).encode()
    head += b" " * (-(8 + len(head)) % 4096)  # of one length whatever its numbers are: parts of an earlier file and of a later one fit together
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for flat in parts:
            file.write(flat.numpy().tobytes())


def inflated(tensor, dtype):
    return torch.frombuffer(bytearray(zlib.decompress(bytes(tensor.numpy().tobytes()))), dtype=dtype)


class Pack:
    """The data set on a device."""

    def __init__(self, path, device, sprites=True):
        tensors, _ = read_tensors(path)
        self.device = device
        self.tokens = tensors["tokens"].numel()
        self.recolours = tensors["recolours"].view(-1, 3, 4).to(device)
        self.caption_ends = inflated(tensors["caption_lengths"], torch.uint8).long().cumsum(0)
        self.count = self.caption_ends.numel()
        self.captions = inflated(tensors["captions"], torch.int16).to(torch.int32) & 0xFFFF
        self.plans = inflated(tensors["scenes"], torch.int16).view(NUMBERS, self.count).t().contiguous().to(torch.int32)
        if not sprites:
            return
        ends = tensors["sprite_ends"].tolist()
        raw = bytes(tensors["sprites"].numpy().tobytes())
        self.sprites = torch.empty(len(ends), SIDE, SIDE, 4, dtype=torch.uint8, device=device)
        for i, end in enumerate(ends):
            plain = torch.frombuffer(bytearray(zlib.decompress(raw[ends[i - 1] if i else 0:end])), dtype=torch.uint8).to(device)
            palette = plain[:4 * COLOURS].view(COLOURS, 4)
            self.sprites[i] = palette[plain[4 * COLOURS:].long()].view(SIDE, SIDE, 4)

    def paint(self, scenes, left=None, top=None, side=SIDE):
        """Square parts of scenes, [n, 3, side, side] in [-1, 1]; scenes, left and top are int64 on the CPU."""
        n, device = scenes.numel(), self.device
        plans = self.plans[scenes].to(device)
        left = torch.zeros(n, device=device) if left is None else left.to(device).float()
        top = torch.zeros(n, device=device) if top is None else top.to(device).float()
        picture = (plans[:, :3].float() / 255)[:, :, None, None].expand(n, 3, side, side).clone()
        steps = torch.arange(side, device=device) + 0.5
        for layer in range((NUMBERS - 3) // 6):
            number, x, y, size, mirrored, recolour = plans[:, 3 + 6 * layer:9 + 6 * layer].unbind(1)
            level = torch.zeros_like(size)
            for i in range(1, LEVELS + 1):
                level += ((SIDE >> i) >= size).int()
            for i in range(LEVELS + 1):
                rows = ((level == i) & (size > 0)).nonzero().flatten()
                if rows.numel() == 0:
                    continue
                sprites = self.sprites[number[rows].long()].permute(0, 3, 1, 2).float() / 255
                for _ in range(i):
                    sprites = F.avg_pool2d(sprites, 2)
                span = size[rows].float()[:, None]
                u = (steps + left[rows, None] - x[rows, None]) / span * 2 - 1
                v = (steps + top[rows, None] - y[rows, None]) / span * 2 - 1
                u = torch.where(mirrored[rows, None] != 0, -u, u)
                grid = torch.stack([u[:, None, :].expand(-1, side, -1), v[:, :, None].expand(-1, -1, side)], -1)
                read = F.grid_sample(sprites, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
                alpha = read[:, 3:]
                colour = torch.einsum("nij,njhw->nihw", self.recolours[recolour[rows].long()], read)
                picture[rows] = torch.minimum(colour.clamp_min(0), alpha) + picture[rows] * (1 - alpha)
        return picture * 2 - 1

    def ids(self, scenes, dropped):
        """Captions as [n, 77] of the numbers of tokens: the mark of the beginning, the words, marks of the end."""
        ids = torch.full((scenes.numel(), TEXT), self.tokens - 1, dtype=torch.int64)
        ids[:, 0] = self.tokens - 2
        starts = torch.where(scenes > 0, self.caption_ends[(scenes - 1).clamp_min(0)], torch.zeros_like(scenes))
        lengths = torch.where(dropped > 0, torch.zeros_like(scenes), self.caption_ends[scenes] - starts)
        rows = torch.arange(scenes.numel()).repeat_interleave(lengths)
        places = torch.arange(rows.numel()) - (lengths.cumsum(0) - lengths)[rows]
        ids[rows, 1 + places] = self.captions[starts[rows] + places].long()
        return ids

    def all_ids(self, count):
        """The captions of the first scenes as one int16 table, for a device that asks for many at once."""
        return self.ids(torch.arange(count), torch.zeros(count)).to(torch.int16)
