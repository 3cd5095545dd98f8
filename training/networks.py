"""The networks of src/Easel/Models as training needs them, under the same names of parameters (those of diffusers and transformers)."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Norm(nn.GroupNorm):
    """Runs in fp32 whatever autocast says, and gives back the type of what came."""

    def forward(self, x):
        return F.group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x, context=None):
        context = x if context is None else context
        return self.to_out[0](attend(self.to_q(x), self.to_k(context), self.to_v(context), self.heads))


def attend(q, k, v, heads, causal=False):
    q, k, v = (t.view(t.shape[0], t.shape[1], heads, -1).transpose(1, 2) for t in (q, k, v))
    if hasattr(F, "scaled_dot_product_attention"):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    else:
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if causal:
            scores = scores + torch.full(scores.shape[-2:], float("-inf"), device=q.device).triu(1)
        out = scores.softmax(-1) @ v
    return out.transpose(1, 2).flatten(2)


class GeGlu(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.ModuleList([GeGlu(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, width, heads)
        self.attn2 = Attention(width, context, heads)
        self.ff = FeedForward(width)

    def forward(self, x, context):
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer2D(nn.Module):
    def __init__(self, width, context, heads):
        super().__init__()
        self.norm = Norm(32, width, 1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, context, heads)])
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x, context):
        h = self.proj_in(self.norm(x))
        n, c, height, w = h.shape
        h = h.permute(0, 2, 3, 1).reshape(n, height * w, c)
        h = self.transformer_blocks[0](h, context)
        return x + self.proj_out(h.view(n, height, w, c).permute(0, 3, 1, 2))


class Resnet(nn.Module):
    def __init__(self, inputs, outputs, time, epsilon, groups=32):
        super().__init__()
        self.norm1 = Norm(groups, inputs, epsilon)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        if time:
            self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = Norm(groups, outputs, epsilon)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x, time=None):
        h = self.conv1(F.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time_emb_proj(time)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Sampler(nn.Module):
    """Halves or doubles height and width."""

    def __init__(self, channels, how):
        super().__init__()
        self.how = how
        self.conv = nn.Conv2d(channels, channels, 3, stride=1 if how == "up" else 2, padding={"up": 1, "down": 1, "down, padded behind": 0}[how])

    def forward(self, x):
        if self.how == "up":
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        elif self.how == "down, padded behind":
            x = F.pad(x, (0, 1, 0, 1))
        return self.conv(x)


class Level(nn.Module):
    """One resolution of the UNet."""

    def __init__(self, inputs, channels, time, context, heads, attends, sampler):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(i, channels, time, 1e-5) for i in inputs])
        if attends:
            self.attentions = nn.ModuleList([Transformer2D(channels, context, heads) for _ in inputs])
        if sampler:
            setattr(self, sampler + "samplers", nn.ModuleList([Sampler(channels, sampler)]))
        self.attends, self.sampler = attends, sampler

    def block(self, i, h, time, context):
        h = self.resnets[i](h, time)
        return self.attentions[i](h, context) if self.attends else h


class Middle(nn.Module):
    def __init__(self, channels, time, context, heads):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(channels, channels, time, 1e-5) for _ in range(2)])
        self.attentions = nn.ModuleList([Transformer2D(channels, context, heads)])

    def forward(self, h, time, context):
        return self.resnets[1](self.attentions[0](self.resnets[0](h, time), context), time)


class TimeEmbedding(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear_1 = nn.Linear(inputs, outputs)
        self.linear_2 = nn.Linear(outputs, outputs)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


class UNet(nn.Module):
    def __init__(self, latent, channels, context, heads):
        super().__init__()
        self.width, time = channels[0], 4 * channels[0]
        last = len(channels) - 1
        self.conv_in = nn.Conv2d(latent, channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], time)
        skips = [channels[0]]
        self.down_blocks = nn.ModuleList()
        for i, c in enumerate(channels):
            self.down_blocks.append(Level([channels[max(i - 1, 0)]], c, time, context, heads, i > 0, "down" if i < last else None))
            skips += [c] if i == last else [c, c]
        self.mid_block = Middle(channels[-1], time, context, heads)
        self.up_blocks = nn.ModuleList()
        for i in range(last, -1, -1):
            inputs = [channels[min(i + 1, last)] + skips.pop(), channels[i] + skips.pop()]
            self.up_blocks.append(Level(inputs, channels[i], time, context, heads, i > 0, "up" if i > 0 else None))
        self.conv_norm_out = Norm(32, channels[0], 1e-5)
        self.conv_out = nn.Conv2d(channels[0], latent, 3, padding=1)

    def forward(self, x, timesteps, context):
        half = self.width // 2
        angles = timesteps.float()[:, None] * torch.exp(torch.arange(half, device=x.device, dtype=torch.float32) * (-math.log(10000) / half))
        time = F.silu(self.time_embedding(torch.cat([angles.cos(), angles.sin()], 1)))
        h = self.conv_in(x)
        skips = [h]
        for level in self.down_blocks:
            h = level.block(0, h, time, context)
            skips.append(h)
            if level.sampler:
                h = level.downsamplers[0](h)
                skips.append(h)
        h = self.mid_block(h, time, context)
        for level in self.up_blocks:
            for i in range(2):
                h = level.block(i, torch.cat([h, skips.pop()], 1), time, context)
            if level.sampler:
                h = level.upsamplers[0](h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


class TextAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads, causal=True))


class TextMlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))


class TextLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = TextAttention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = TextMlp(width)

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class TextModel(nn.Module):
    def __init__(self, tokens, width, layers, heads, positions=77):
        super().__init__()
        model = nn.Module()
        model.embeddings = nn.Module()
        model.embeddings.token_embedding = nn.Embedding(tokens, width)
        model.embeddings.position_embedding = nn.Embedding(positions, width)
        model.encoder = nn.Module()
        model.encoder.layers = nn.ModuleList([TextLayer(width, heads) for _ in range(layers)])
        model.final_layer_norm = nn.LayerNorm(width)
        self.text_model = model

    def forward(self, ids):
        model = self.text_model
        x = model.embeddings.token_embedding(ids) + model.embeddings.position_embedding.weight[: ids.shape[1]]
        for layer in model.encoder.layers:
            x = layer(x)
        return model.final_layer_norm(x)


class PictureAttention(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.group_norm = Norm(groups, channels, 1e-6)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x):
        n, c, height, width = x.shape
        h = self.group_norm(x).permute(0, 2, 3, 1).reshape(n, height * width, c)
        h = self.to_out[0](attend(self.to_q(h), self.to_k(h), self.to_v(h), 1))
        return x + h.view(n, height, width, c).permute(0, 3, 1, 2)


class AutoencoderMiddle(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(channels, channels, 0, 1e-6, groups) for _ in range(2)])
        self.attentions = nn.ModuleList([PictureAttention(channels, groups)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class AutoencoderLevel(nn.Module):
    def __init__(self, inputs, channels, blocks, groups, sampler):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(inputs if i == 0 else channels, channels, 0, 1e-6, groups) for i in range(blocks)])
        self.samplers = None
        if sampler:
            self.samplers = sampler.split(",")[0] + "samplers"
            setattr(self, self.samplers, nn.ModuleList([Sampler(channels, sampler)]))

    def forward(self, x):
        for resnet in self.resnets:
            x = resnet(x)
        return getattr(self, self.samplers)[0](x) if self.samplers else x


class Encoder(nn.Module):
    def __init__(self, channels, latent, groups):
        super().__init__()
        last = len(channels) - 1
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        self.down_blocks = nn.ModuleList([AutoencoderLevel(channels[max(i - 1, 0)], c, 1, groups, "down, padded behind" if i < last else None)
                                          for i, c in enumerate(channels)])
        self.mid_block = AutoencoderMiddle(channels[-1], groups)
        self.conv_norm_out = Norm(groups, channels[-1], 1e-6)
        self.conv_out = nn.Conv2d(channels[-1], 2 * latent, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for level in self.down_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    def __init__(self, channels, latent, groups):
        super().__init__()
        last = len(channels) - 1
        self.conv_in = nn.Conv2d(latent, channels[-1], 3, padding=1)
        self.mid_block = AutoencoderMiddle(channels[-1], groups)
        self.up_blocks = nn.ModuleList([AutoencoderLevel(channels[min(i + 1, last)], channels[i], 2, groups, "up" if i > 0 else None)
                                        for i in range(last, -1, -1)])
        self.conv_norm_out = Norm(groups, channels[0], 1e-6)
        self.conv_out = nn.Conv2d(channels[0], 3, 3, padding=1)

    def forward(self, x):
        x = self.mid_block(self.conv_in(x))
        for level in self.up_blocks:
            x = level(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Autoencoder(nn.Module):
    def __init__(self, channels, latent, groups):
        super().__init__()
        self.latent, self.factor = latent, 1 << (len(channels) - 1)
        self.encoder = Encoder(channels, latent, groups)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1)
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)
        self.decoder = Decoder(channels, latent, groups)

    def encode(self, pictures):
        """Mean and standard deviation of the latents."""
        mean, log_variance = self.quant_conv(self.encoder(pictures)).chunk(2, 1)
        return mean, torch.exp(0.5 * log_variance.clamp(-30, 20))

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))
