"""The three networks of tiny-llava, written for training: fused weights, packed sequences.

`reference.py` holds the plain forward pass over the exported files that the C# engine is checked against.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from data import CELLS, CLIP_MEAN, CLIP_STD, GRID, PATCH

VISION = dict(width=192, heads=3, blocks=5)
LANGUAGE = dict(width=128, heads=4, blocks=4, ffn=352, rope_theta=500000.0, eps=1e-5)


def attention_scores(q, k):
    return torch.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2), -1)


class VisionBlock(nn.Module):
    """Pre-norm transformer block of CLIP."""

    # quick-GELU is x * sigmoid(1.702 x) = SiLU(1.702 x) / 1.702. `up` holds 1.702 times CLIP's fc1 and `down` fc2 / 1.702,
    # so that one fused SiLU does the work of four elementwise passes; export.py takes the factor out again.
    QUICK = 1.702

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        with torch.no_grad():
            self.up.weight.mul_(self.QUICK)
            for p in (self.qkv.bias, self.out.bias, self.up.bias, self.down.bias):
                p.zero_()
            # Queries start equal to keys, and the heads share the space out among them: rows attend to rows that look alike
            # and are near, which is where grouping patches into things has to begin anyway.
            basis = nn.init.orthogonal_(torch.empty(width, width)) * 0.6 ** 0.5
            self.qkv.weight[:width], self.qkv.weight[width:2 * width] = basis, basis

    def split(self, x, parts):
        b, t, _ = x.shape
        return x.view(b, t, parts, self.heads, -1).permute(2, 0, 3, 1, 4)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = self.split(self.qkv(self.ln1(x)), 3)
        attention = attention_scores(q, k)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(b, t, w))
        x = x + self.down(F.silu(self.up(self.ln2(x))))
        return x, attention[:, :, 0, 1:].mean(1)

    def forward_cls(self, x):
        """The block's [CLS] row alone: all that is needed of the last block."""
        b, _, w = x.shape
        h = self.ln1(x)
        q, = self.split(F.linear(h[:, :1], self.qkv.weight[:w], self.qkv.bias[:w]), 1)
        k, v = self.split(F.linear(h, self.qkv.weight[w:], self.qkv.bias[w:]), 2)
        cls = x[:, :1] + self.out((attention_scores(q, k) @ v).transpose(1, 2).reshape(b, 1, w))
        return (cls + self.down(F.silu(self.up(self.ln2(cls)))))[:, 0]


def sincos_positions(width):
    """Starting values of the learned position embeddings: neighbours start out similar, which saves many steps."""
    rows = torch.zeros(1 + CELLS, width)
    frequency = 1.5 * 10.0 ** -(torch.arange(width // 4) / (width // 4))
    y, x = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    parts = [f(axis.reshape(-1, 1) * frequency) for axis in (y, x) for f in (torch.sin, torch.cos)]
    rows[1:] = torch.cat(parts, 1)
    return rows


def whitening(patches, width):
    """Starting weights of the patch embedding: the strongest principal components of real patches, each at unit variance.
    From random weights the embedding sees little but mean colours for thousands of steps."""
    values, vectors = torch.linalg.eigh(patches.t() @ patches / len(patches))
    values, vectors = values[-width:], vectors[:, -width:]
    return (vectors / (values + 0.01).sqrt()).t()


class VisionTower(nn.Module):
    """CLIP's image encoder. LLaVA reads the output of the last-but-one block; the last block serves training only."""

    def __init__(self, width, heads, blocks):
        super().__init__()
        self.patch = nn.Linear(3 * PATCH * PATCH, width, bias=False)
        self.cls = nn.Parameter(torch.randn(width) * 0.02)
        self.positions = nn.Parameter(sincos_positions(width))
        self.pre_ln, self.post_ln = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(VisionBlock(width, heads) for _ in range(blocks))
        self.register_buffer("mean", torch.tensor(CLIP_MEAN) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(CLIP_STD) * 255, persistent=False)

    def patches(self, pixels):
        """uint8 [B, H, W, 3] -> normalised pixels of each patch [B, 144, 3 * 16 * 16], colour planes outermost."""
        b = pixels.shape[0]
        x = (pixels.float() - self.mean) / self.std
        return x.view(b, GRID, PATCH, GRID, PATCH, 3).permute(0, 1, 3, 5, 2, 4).reshape(b, CELLS, -1)

    @torch.no_grad()
    def start_from(self, pixels):
        self.patch.weight.copy_(whitening(self.patches(pixels).flatten(0, 1), len(self.cls)))

    def features(self, pixels, cells=None):
        """Rows of the last-but-one block [B, 1 + 144, width] and its [CLS] attention [B, 144]; of some patches only where
        `cells` [B, n] names them."""
        rows, _, attention = self.layers(pixels, cells)
        return rows, attention

    def layers(self, pixels, cells=None):
        """As `features`, with the rows that enter that block between the two."""
        patches, positions = self.patches(pixels), self.positions[1:]
        if cells is not None:
            patches = patches.gather(1, cells[:, :, None].expand(-1, -1, patches.shape[2]))
            positions = positions[cells]
        cls = (self.cls + self.positions[0]).expand(len(pixels), 1, -1)
        x = self.pre_ln(torch.cat([cls, self.patch(patches) + positions], 1))
        for block in self.blocks[:-1]:
            before = x
            x, attention = block(x)
        return x, before, attention

    def summary(self, rows):
        return self.post_ln(self.blocks[-1].forward_cls(rows))


class SceneHeads(nn.Module):
    """What the [CLS] token has to tell about a scene."""

    def __init__(self, width, kinds, shapes, colors, words, styles):
        super().__init__()
        self.kinds, self.shapes, self.colors = kinds, shapes, colors
        self.count = nn.Linear(width, kinds * 5)
        self.place = nn.Linear(width, kinds * 9)
        self.color = nn.Linear(width, shapes * colors)
        self.word = nn.Linear(width, words + 1)
        self.style = nn.Linear(width, styles)

    def loss(self, cls, y):
        b = cls.shape[0]
        count = F.cross_entropy(self.count(cls).view(-1, 5), y["count"].view(-1), reduction="sum") / b
        place = F.binary_cross_entropy_with_logits(self.place(cls), y["place"].view(b, -1), reduction="sum") / b
        color = F.cross_entropy(
            self.color(cls).view(-1, self.colors), y["color"].view(-1), ignore_index=-1, reduction="sum") / b
        word = F.cross_entropy(self.word(cls), y["word"])
        style = F.cross_entropy(self.style(cls), y["style"])
        return 0.5 * count + 0.1 * place + 0.5 * color + word + 0.3 * style


class CellHeads(nn.Module):
    """What a patch has to tell. A thing is told by the one patch in which its middle lies, as key-point detectors do it; its
    other patches have to tell nothing. So what is known of a picture sits in few rows, and [CLS] has something to find."""

    def __init__(self, width, kinds, colors, words):
        super().__init__()
        sizes = dict(kind=kinds + 1, color=colors + 1, count=5, place=10, letter=27, word=words + 1)
        self.ln = nn.LayerNorm(width)
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in sizes.items()})

    def loss(self, rows, y):
        rows = self.ln(rows).flatten(0, 1)
        # Rows that have something to tell are few; the others of a thing are harder to keep silent than the ground.
        silent = 0.05 + 0.25 * y["cell_thing"].flatten().float()
        total = 0
        for name, head in self.heads.items():
            label = y["cell_" + name].flatten()
            weight = torch.where(label > 0, 1.0, silent)
            total = total + (F.cross_entropy(head(rows), label, reduction="none") * weight).sum() / weight.sum()
        return total


class Projector(nn.Module):
    """LLaVA's two-layer MLP. GELU in its tanh form, with which the shipped weights were trained; it differs from the exact form, by
    which the engine and reference.py read them, by less than 0.0005."""

    def __init__(self, width, out):
        super().__init__()
        self.first, self.second = nn.Linear(width, out), nn.Linear(out, out)
        # Bring the tower's rows, fresh from its residual stream, to zero mean and unit size; folded() takes them in.
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))

    def start_from(self, rows):
        self.mean.copy_(rows.mean((0, 1)))
        self.scale.fill_(1 / (rows - self.mean).std())

    def folded(self):
        """The first layer's weight and bias for rows as they come."""
        weight = self.first.weight * self.scale
        return weight, self.first.bias - weight @ self.mean

    def forward(self, x):
        return self.second(F.gelu(F.linear(x, *self.folded()), approximate="tanh"))


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


class LanguageBlock(nn.Module):
    def __init__(self, width, heads, ffn, eps):
        super().__init__()
        self.heads = heads
        self.attn_norm, self.ffn_norm = RmsNorm(width, eps), RmsNorm(width, eps)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.gate_up, self.down = nn.Linear(width, 2 * ffn, bias=False), nn.Linear(ffn, width, bias=False)
        with torch.no_grad():
            # As in the tower: a row first looks for rows like itself, so "dog" in a question finds the patches of a dog.
            basis = nn.init.orthogonal_(torch.empty(width, width))
            self.qkv.weight[:width], self.qkv.weight[width:2 * width] = basis, basis

    def forward(self, x, rotation, count, length):
        b, t, w = x.shape
        qk, v = self.qkv(self.attn_norm(x)).split([2 * w, w], -1)
        qk = rotate(qk.view(b, t, 2 * self.heads, -1), rotation).transpose(1, 2)
        q, k = qk.split(self.heads, 1)
        v = v.view(b, t, self.heads, -1).transpose(1, 2)
        x = x + self.out(packed_attention(q, k, v, count, length).transpose(1, 2).reshape(b, t, w))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class LookupHeads(nn.Module):
    """What the name of a kind has to know about the picture it follows: how many there are, where, in which colour."""

    def __init__(self, width, colors):
        super().__init__()
        self.count, self.place, self.color = nn.Linear(width, 5), nn.Linear(width, 9), nn.Linear(width, colors)

    def loss(self, hidden, kinds, y, first_shape):
        """hidden [B, n, width] behind the names of `kinds` [n]."""
        count = y["count"][:, kinds]
        # Most kinds are absent; those present count as much as all of them together.
        weight = torch.where(count > 0, 1.0, 0.15)
        loss = F.cross_entropy(self.count(hidden).transpose(1, 2), count, reduction="none")
        total = (loss * weight).sum() / weight.sum()
        present = count > 0
        total = total + F.binary_cross_entropy_with_logits(self.place(hidden)[present], y["place"][:, kinds][present])
        shapes = kinds >= first_shape
        color = y["color"][:, kinds[shapes] - first_shape]
        loss = F.cross_entropy(self.color(hidden[:, shapes]).transpose(1, 2), color, ignore_index=-1, reduction="sum")
        return total + 0.3 * loss / (color >= 0).sum().clamp(min=1)


def causal(length, device):
    return torch.full((length, length), -1e9, device=device).triu(1)


def packed_attention(q, k, v, count, length):
    """Causal attention over [shared head][count conversations of one length]: each conversation sees the head and itself.
    Computed in these blocks it costs less than half of one masked square."""
    b, heads, t, d = q.shape
    head = t - count * length
    (q_head, q_text), (k_head, k_text), (v_head, v_text) = (x.split([head, count * length], 2) for x in (q * d ** -0.5, k, v))
    apart = lambda x: x.reshape(b, heads, count, length, -1)
    seen = torch.softmax(q_head @ k_head.transpose(-1, -2) + causal(head, q.device), -1) @ v_head
    on_head = apart(q_text @ k_head.transpose(-1, -2))
    on_self = apart(q_text) @ apart(k_text).transpose(-1, -2) + causal(length, q.device)
    on_head, on_self = torch.softmax(torch.cat([on_head, on_self], -1), -1).split([head, length], -1)
    text = on_head.reshape(b, heads, count * length, head) @ v_head + (on_self @ apart(v_text)).flatten(2, 3)
    return torch.cat([seen, text], 2)


def rotate(x, rotation):
    """RoPE on neighbouring pairs (2i, 2i + 1): the layout llama.cpp's llama architecture expects."""
    cos, sin = rotation
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


class LanguageModel(nn.Module):
    """Llama, small."""

    def __init__(self, vocabulary, width, heads, blocks, ffn, rope_theta, eps):
        super().__init__()
        self.width, self.rope_theta = width, rope_theta
        self.head_dim = width // heads
        self.embed = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embed.weight, std=0.5)
        self.blocks = nn.ModuleList(LanguageBlock(width, heads, ffn, eps) for _ in range(blocks))
        self.norm = RmsNorm(width, eps)
        self.output = nn.Linear(width, vocabulary, bias=False)

    def hidden(self, x, positions, count, length, blocks=None):
        """x: packed embeddings (conversation.Packer); returns the text's hidden states [B, count, length, width] behind all
        blocks or the first few."""
        half = self.head_dim // 2
        frequency = self.rope_theta ** -(torch.arange(half, device=x.device) / half)
        angle = (positions.unsqueeze(-1) * frequency).unsqueeze(-2)
        rotation = angle.cos(), angle.sin()
        for block in self.blocks[:blocks]:
            x = block(x, rotation, count, length)
        return self.norm(x[:, -count * length:]).unflatten(1, (count, length))


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised (Newton-Schulz): far fewer steps than Adam for matrices, and steps are scarce here."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.02):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(buffer, group["momentum"])
                # Fused q, k, v are three matrices: each is orthogonalised by itself.
                parts = update.split(p.shape[1]) if p.shape[0] == 3 * p.shape[1] else [update]
                update = torch.cat([self.orthogonal(part) for part in parts])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"])

    @staticmethod
    def orthogonal(x):
        wide = x.shape[1] >= x.shape[0]
        scale = math.sqrt(max(1.0, x.shape[0] / x.shape[1]))
        x = x if wide else x.t()
        x = x / (x.norm() + 1e-7)
        for _ in range(5):
            a = x @ x.t()
            x = 3.4445 * x + (2.0315 * (a @ a) - 4.7750 * a) @ x
        return (x if wide else x.t()) * scale


class Optimizers:
    """Muon for the matrices inside blocks and projector, AdamW for everything else; one schedule for both."""

    def __init__(self, modules, muon_lr, adam_lr):
        matrices, others = [], []
        for name, p in modules.named_parameters():
            inside = "blocks." in name or "patch." in name or "projector." in name
            # Parameters a stage leaves out of its forward pass get no gradient and stay as they are.
            (matrices if inside and p.ndim == 2 else others).append(p)
        self.all = [Muon(matrices, muon_lr), torch.optim.AdamW(others, adam_lr, betas=(0.9, 0.98), weight_decay=0.0)]
        self.base = [muon_lr, adam_lr]
        self.parameters = matrices + others

    def step(self, factor):
        for optimizer, lr in zip(self.all, self.base):
            optimizer.param_groups[0]["lr"] = lr * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self):
        return [o.state_dict() for o in self.all]

    def load_state_dict(self, states):
        for optimizer, state in zip(self.all, states):
            optimizer.load_state_dict(state)
