#!/usr/bin/env python3
"""Writes the two GGUF files from whatever checkpoints there are, with the names and keys of published LLaVA files."""
import argparse
import os

import numpy as np

import gguf
from conversation import Tokenizer
from data import CLIP_MEAN, CLIP_STD, PATCH, SIZE
from gguf import BOOL, F32, I32, STRING, U32
from model import LANGUAGE, VISION, VisionBlock
from train import HERE, WORK, language_modules, load_modules, vision_modules

LANGUAGE_FILE = os.path.join(HERE, "tiny-llava-f16.gguf")
PROJECTOR_FILE = os.path.join(HERE, "mmproj-tiny-llava-f16.gguf")
CONTEXT = 1024

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def half(tensor):
    return tensor.detach().float().numpy().astype(np.float16)


def full(tensor):
    return tensor.detach().float().numpy().astype(np.float32)


def general(name, architecture, description):
    return {
        "general.architecture": (STRING, architecture),
        "general.type": (STRING, "model" if architecture == "llama" else "mmproj"),
        "general.name": (STRING, name),
        "general.description": (STRING, description),
        "general.license": (STRING, "mit"),
        "general.file_type": (U32, 1),
        "general.alignment": (U32, gguf.ALIGNMENT),
    }


def vision_fields():
    return general("tiny-llava", "clip", "CLIP-style tower and projector of tiny-llava (SK.FasterVlm)") | {
        "clip.has_text_encoder": (BOOL, False),
        "clip.has_vision_encoder": (BOOL, True),
        "clip.has_llava_projector": (BOOL, True),
        "clip.projector_type": (STRING, "mlp"),
        "clip.use_gelu": (BOOL, False),
        "clip.vision.image_size": (U32, SIZE),
        "clip.vision.patch_size": (U32, PATCH),
        "clip.vision.embedding_length": (U32, VISION["width"]),
        "clip.vision.feed_forward_length": (U32, 4 * VISION["width"]),
        "clip.vision.projection_dim": (U32, LANGUAGE["width"]),
        # As in published LLaVA files: the last block, which LLaVA does not read, is not in the file.
        "clip.vision.block_count": (U32, VISION["blocks"] - 1),
        "clip.vision.attention.head_count": (U32, VISION["heads"]),
        "clip.vision.attention.layer_norm_epsilon": (F32, 1e-5),
        "clip.vision.image_mean": (F32, CLIP_MEAN),
        "clip.vision.image_std": (F32, CLIP_STD),
    }


def vision_tensors(tower, projector):
    width = VISION["width"]
    tensors = {
        "v.class_embd": full(tower.cls),
        "v.patch_embd.weight": half(tower.patch.weight.view(width, 3, PATCH, PATCH)),
        "v.position_embd.weight": half(tower.positions),
    }

    def put(name, weight, bias):
        tensors[name + ".weight"] = half(weight) if weight.ndim > 1 else full(weight)
        tensors[name + ".bias"] = full(bias)

    put("v.pre_ln", tower.pre_ln.weight, tower.pre_ln.bias)
    for i, block in enumerate(tower.blocks[:-1]):
        name = f"v.blk.{i}."
        put(name + "ln1", block.ln1.weight, block.ln1.bias)
        for j, part in enumerate("qkv"):
            rows = slice(j * width, (j + 1) * width)
            put(f"{name}attn_{part}", block.qkv.weight[rows], block.qkv.bias[rows])
        put(name + "attn_out", block.out.weight, block.out.bias)
        put(name + "ln2", block.ln2.weight, block.ln2.bias)
        put(name + "ffn_up", block.up.weight / VisionBlock.QUICK, block.up.bias / VisionBlock.QUICK)
        put(name + "ffn_down", block.down.weight * VisionBlock.QUICK, block.down.bias)
    put("mm.0", *projector.folded())
    put("mm.2", projector.second.weight, projector.second.bias)
    return tensors


def language_fields(tokenizer):
    spm, prefix = tokenizer.spm, "llama."
    ids = range(tokenizer.size)
    kind = lambda i: UNKNOWN if spm.is_unknown(i) else CONTROL if spm.is_control(i) else BYTE if spm.is_byte(i) else NORMAL
    return general("tiny-llava", "llama", "Language model of tiny-llava (SK.FasterVlm)") | {
        prefix + "context_length": (U32, CONTEXT),
        prefix + "embedding_length": (U32, LANGUAGE["width"]),
        prefix + "block_count": (U32, LANGUAGE["blocks"]),
        prefix + "feed_forward_length": (U32, LANGUAGE["ffn"]),
        prefix + "attention.head_count": (U32, LANGUAGE["heads"]),
        prefix + "attention.head_count_kv": (U32, LANGUAGE["heads"]),
        prefix + "attention.layer_norm_rms_epsilon": (F32, LANGUAGE["eps"]),
        prefix + "rope.dimension_count": (U32, LANGUAGE["width"] // LANGUAGE["heads"]),
        prefix + "rope.freq_base": (F32, LANGUAGE["rope_theta"]),
        prefix + "vocab_size": (U32, tokenizer.size),
        "tokenizer.ggml.model": (STRING, "llama"),
        "tokenizer.ggml.pre": (STRING, "default"),
        "tokenizer.ggml.tokens": (STRING, [spm.id_to_piece(i) for i in ids]),
        "tokenizer.ggml.scores": (F32, [spm.get_score(i) for i in ids]),
        "tokenizer.ggml.token_type": (I32, [kind(i) for i in ids]),
        "tokenizer.ggml.bos_token_id": (U32, spm.bos_id()),
        "tokenizer.ggml.eos_token_id": (U32, spm.eos_id()),
        "tokenizer.ggml.unknown_token_id": (U32, spm.unk_id()),
        "tokenizer.ggml.add_bos_token": (BOOL, True),
        "tokenizer.ggml.add_eos_token": (BOOL, False),
        "tokenizer.ggml.add_space_prefix": (BOOL, False),
    }


def language_tensors(lm):
    width, ffn = LANGUAGE["width"], LANGUAGE["ffn"]
    tensors = {"token_embd.weight": half(lm.embed.weight), "output_norm.weight": full(lm.norm.weight),
               "output.weight": half(lm.output.weight)}
    for i, block in enumerate(lm.blocks):
        q, k, v = block.qkv.weight.split(width)
        gate, up = block.gate_up.weight.split(ffn)
        for name, weight in dict(
                attn_norm=block.attn_norm.weight, attn_q=q, attn_k=k, attn_v=v, attn_output=block.out.weight,
                ffn_norm=block.ffn_norm.weight, ffn_gate=gate, ffn_up=up, ffn_down=block.down.weight).items():
            tensors[f"blk.{i}.{name}.weight"] = half(weight) if weight.ndim > 1 else full(weight)
    return tensors


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    tokenizer = Tokenizer(os.path.join(HERE, "tokenizer.model"))
    tower = load_modules("vision", vision_modules())["tower"].cpu()
    m = load_modules("language", language_modules(tokenizer.size)).cpu()
    gguf.write(PROJECTOR_FILE, vision_fields(), vision_tensors(tower, m["projector"]))
    gguf.write(LANGUAGE_FILE, language_fields(tokenizer), language_tensors(m["lm"]))
    for path in (LANGUAGE_FILE, PROJECTOR_FILE):
        fields, tensors = gguf.read(path)
        assert all(np.isfinite(t.astype(np.float32)).all() for t in tensors.values()), path
        print(f"{os.path.basename(path)}: {len(fields)} keys, {len(tensors)} tensors, {os.path.getsize(path) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
