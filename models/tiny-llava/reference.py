"""The plain forward pass over the two GGUF files, weights as stored and arithmetic in float32.

Written from the CLIP and Llama papers and the file format, apart from the training code, so that it can stand as the reference
for the C# engine. Shapes: B pictures, T rows, W width, H heads.
"""
import torch
import torch.nn.functional as F

import gguf


class Reference:
    def __init__(self, language_file, projector_file):
        self.fields, self.tensors = {}, {}
        for path in (language_file, projector_file):
            fields, tensors = gguf.read(path)
            self.fields.update(fields)
            self.tensors.update({name: torch.from_numpy(array.copy()).float() for name, array in tensors.items()})

    def _linear(self, x, name):
        return F.linear(x, self.tensors[name + ".weight"], self.tensors.get(name + ".bias"))

    def _layer_norm(self, x, name):
        epsilon = self.fields["clip.vision.attention.layer_norm_epsilon"]
        return F.layer_norm(x, x.shape[-1:], self.tensors[name + ".weight"], self.tensors[name + ".bias"], epsilon)

    def normalize(self, pixels):
        """uint8 [B, H, W, 3] -> float [B, 3, H, W] with CLIP's mean and deviation."""
        mean, std = (torch.tensor(self.fields["clip.vision.image_" + k]).view(3, 1, 1) for k in ("mean", "std"))
        return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std

    def tower(self, pixels):
        """Returns the patch rows behind the last stored block [B, patches, W] and that block's [CLS] attention to the
        patches, averaged over the heads [B, patches]."""
        b, heads = pixels.shape[0], self.fields["clip.vision.attention.head_count"]
        patches = F.conv2d(self.normalize(pixels), self.tensors["v.patch_embd.weight"],
                           stride=self.fields["clip.vision.patch_size"]).flatten(2).transpose(1, 2)
        cls = self.tensors["v.class_embd"].expand(b, 1, -1)
        x = self._layer_norm(torch.cat([cls, patches], 1) + self.tensors["v.position_embd.weight"], "v.pre_ln")
        for i in range(self.fields["clip.vision.block_count"]):
            block = f"v.blk.{i}."
            h = self._layer_norm(x, block + "ln1")
            q, k, v = (self._linear(h, block + "attn_" + part).unflatten(-1, (heads, -1)).transpose(1, 2) for part in "qkv")
            attention = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)
            x = x + self._linear((attention @ v).transpose(1, 2).flatten(2), block + "attn_out")
            h = self._linear(self._layer_norm(x, block + "ln2"), block + "ffn_up")
            x = x + self._linear(h * torch.sigmoid(1.702 * h), block + "ffn_down")
        return x[:, 1:], attention[:, :, 0, 1:].mean(1)

    def project(self, features):
        # GELU by the error function, as LLaVA has it and the engine computes it; the weights were trained with the tanh form.
        return self._linear(F.gelu(self._linear(features, "mm.0")), "mm.2")

    def embed(self, ids):
        return self.tensors["token_embd.weight"][ids]

    def _rms_norm(self, x, name):
        epsilon = self.fields["llama.attention.layer_norm_rms_epsilon"]
        return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * self.tensors[name + ".weight"]

    def _rotate(self, x, positions):
        """RoPE on neighbouring pairs; x is [B, H, T, D], positions [B, T]."""
        half = x.shape[-1] // 2
        angle = positions[:, None, :, None] * self.fields["llama.rope.freq_base"] ** -(torch.arange(half) / half)
        pair = torch.view_as_complex(x.reshape(*x.shape[:-1], half, 2).contiguous())
        return torch.view_as_real(pair * torch.polar(torch.ones_like(angle), angle)).flatten(-2)

    def logits(self, x, positions, mask, last=None):
        """Embeddings [B, T, W], positions [B, T], additive mask [B, 1, T, T] -> logits of the last rows [B, last, vocabulary]."""
        heads = self.fields["llama.attention.head_count"]
        for i in range(self.fields["llama.block_count"]):
            block = f"blk.{i}."
            h = self._rms_norm(x, block + "attn_norm")
            q, k, v = (self._linear(h, block + "attn_" + part).unflatten(-1, (heads, -1)).transpose(1, 2) for part in "qkv")
            q, k = self._rotate(q, positions), self._rotate(k, positions)
            attention = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + mask, -1)
            x = x + self._linear((attention @ v).transpose(1, 2).flatten(2), block + "attn_output")
            h = self._rms_norm(x, block + "ffn_norm")
            x = x + self._linear(F.silu(self._linear(h, block + "ffn_gate")) * self._linear(h, block + "ffn_up"), block + "ffn_down")
        return self._linear(self._rms_norm(x[:, -last:] if last else x, "output_norm"), "output")
