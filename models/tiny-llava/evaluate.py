#!/usr/bin/env python3
"""Measures the exported files on the held-out set: accuracy by category, unpruned and with visual tokens pruned.

    evaluate.py                      the whole sweep, as Markdown tables
    evaluate.py golden               writes golden/ from the pictures in golden/images
    evaluate.py ask PICTURE QUESTION
"""
import argparse
import json
import os

import numpy as np
import torch
from PIL import Image

from conversation import Packer, Tokenizer
from data import CELLS, SIZE
from export import LANGUAGE_FILE, PROJECTOR_FILE
from reference import Reference
from train import HERE

PAD = (122, 116, 104)
KEEPS = (0.5, 0.25, 0.10, 0.05)
RANDOM_SEEDS = 3


class TinyLlava:
    def __init__(self):
        self.net = Reference(LANGUAGE_FILE, PROJECTOR_FILE)
        self.tokenizer = Tokenizer(os.path.join(HERE, "tokenizer.model"))
        self.packer = Packer(self.tokenizer)

    def visual_tokens(self, pixels):
        features, attention = self.net.tower(pixels)
        return features, attention, self.net.project(features)

    def failures(self, visual, pictures):
        """For each picture's (question, answer) pairs: whether greedy decoding would give another answer. [B, questions]"""
        ids, targets = self.packer.batch([[[pair] for pair in pairs] for pairs in pictures])
        prefix = self.net.embed(torch.tensor(self.packer.prefix)).expand(len(ids), -1, -1)
        x = torch.cat([prefix, visual, self.net.embed(ids.flatten(1))], 1)
        b, count, length = ids.shape
        positions = self.packer.positions(visual.shape[1], count, length)
        # Conversation 0 is what all share; a row sees it and its own conversation, up to itself.
        owner = torch.cat([torch.zeros(x.shape[1] - count * length), 1 + torch.arange(count).repeat_interleave(length)])
        seen = ((owner[None] == owner[:, None]) | (owner[None] == 0)).tril()
        mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9)
        logits = self.net.logits(x, positions[None], mask[None, None], count * length).unflatten(1, (count, length))
        return ((logits.argmax(-1) != targets) & (targets >= 0)).any(-1)

    def answer(self, visual, question, limit=48):
        """Greedy decoding. Returns the text, the ids of the prompt behind the image and the first logits."""
        asked = self.tokenizer.question(question)
        ids, first = list(asked), None
        for _ in range(limit):
            x = torch.cat([self.net.embed(torch.tensor(self.packer.prefix)), visual, self.net.embed(torch.tensor(ids))])[None]
            positions = torch.arange(x.shape[1]).float()[None]
            mask = torch.full((x.shape[1], x.shape[1]), -1e9).triu(1)[None, None]
            logits = self.net.logits(x, positions, mask, 1)[0, 0]
            first = logits if first is None else first
            if (token := int(logits.argmax())) == self.tokenizer.spm.eos_id():
                break
            ids.append(token)
        return self.tokenizer.spm.decode(ids[len(asked):]).strip(), asked, first


def load_picture(path):
    """Pads to a square in LLaVA's way and resizes, as the engine does."""
    picture = Image.open(path).convert("RGB")
    side = max(picture.size)
    square = Image.new("RGB", (side, side), PAD)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square if side == SIZE else square.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def select(selector, attention, count, random):
    """Kept rows in raster order."""
    if selector == "cls":
        return attention.topk(count).indices.sort().values
    if selector == "random":
        return torch.from_numpy(np.sort(random.permutation(CELLS)[:count]))
    return ((torch.arange(count) + 0.5) * CELLS / count).long()


def sweep(folder, pictures):
    model = TinyLlava()
    by_picture, splits = {}, {}
    with open(os.path.join(folder, "labels.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by_picture.setdefault(row["image"], []).append(row)
    names = sorted(by_picture)[:pictures]
    pixels = torch.from_numpy(np.stack([load_picture(os.path.join(folder, "images", n)) for n in names]))
    parts = [model.visual_tokens(p) for p in pixels.split(32)]
    attention, visual = (torch.cat([p[i] for p in parts]) for i in (1, 2))

    def measure(selector, keep, seed=0):
        random, right, total = np.random.default_rng(seed), {}, {}
        count = round(CELLS * keep)
        kept = torch.stack([select(selector, a, count, random) for a in attention])
        rows = visual.gather(1, kept[:, :, None].expand(-1, -1, visual.shape[2]))
        for start in range(0, len(names), 16):
            asked = [by_picture[n] for n in names[start:start + 16]]
            wrong = model.failures(rows[start:start + 16], [[(r["text"], r["label"]) for r in a] for a in asked])
            for questions, failed in zip(asked, wrong.tolist()):
                for r, bad in zip(questions, failed):
                    for key in (r["category"], "all", r["split"]):
                        total[key] = total.get(key, 0) + 1
                        right[key] = right.get(key, 0) + (not bad)
        return {k: 100 * right[k] / total[k] for k in total}, total

    full, total = measure("uniform", 1.0)
    columns = sorted(k for k in total if k not in ("all", "seen-combinations", "held-out-combination"))
    columns += ["all", "seen-combinations", "held-out-combination"]
    print("| kept | selection | " + " | ".join(f"{c} ({total[c]})" for c in columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    show = lambda keep, name, values: print(f"| {keep:.0%} | {name} | " + " | ".join(f"{values[c]:.1f}" for c in columns) + " |")
    show(1, "all tokens", full)
    for keep in KEEPS:
        show(keep, "[CLS] attention", measure("cls", keep)[0])
        runs = [measure("random", keep, seed)[0] for seed in range(RANDOM_SEEDS)]
        show(keep, f"random (mean of {RANDOM_SEEDS})", {c: np.mean([r[c] for r in runs]) for c in columns})
        show(keep, "uniform", measure("uniform", keep)[0])


GOLDEN_QUESTIONS = ("What is in the picture?", "Describe the picture.")


def golden(folder):
    model = TinyLlava()
    arrays, pictures, offset = [], [], 0

    def store(tensor):
        nonlocal offset
        array = tensor.numpy().astype("<f4")
        arrays.append(array.tobytes())
        entry = {"offset": offset, "shape": list(array.shape)}
        offset += array.size
        return entry

    for i, name in enumerate(sorted(os.listdir(os.path.join(folder, "images")))):
        pixels = torch.from_numpy(load_picture(os.path.join(folder, "images", name)).copy())[None]
        features, attention, visual = model.visual_tokens(pixels)
        question = GOLDEN_QUESTIONS[i % len(GOLDEN_QUESTIONS)]
        text, asked, logits = model.answer(visual[0], question)
        pictures.append({
            "image": name, "question": question, "answer": text,
            "ids_before_image": model.packer.prefix, "ids_after_image": asked,
            "features": store(features[0]), "cls_attention": store(attention[0]), "visual_tokens": store(visual[0]),
            "logits": store(logits)})
        print(name, "|", question, "|", text)
    with open(os.path.join(folder, "golden.bin"), "wb") as out:
        out.write(b"".join(arrays))
    with open(os.path.join(folder, "golden.json"), "w", encoding="utf-8") as out:
        json.dump({"data": "golden.bin", "type": "float32 little-endian; offsets count floats", "pictures": pictures}, out, indent=1)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="sweep", choices=["sweep", "golden", "ask"])
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--pictures", type=int, help="measure on the first so many pictures only")
    args = parser.parse_args()
    if args.what == "golden":
        golden(os.path.join(HERE, "golden"))
    elif args.what == "ask":
        model = TinyLlava()
        visual = model.visual_tokens(torch.from_numpy(load_picture(args.rest[0]).copy())[None])[2]
        print(model.answer(visual[0], args.rest[1])[0])
    else:
        sweep(os.path.join(HERE, "eval"), args.pictures)


if __name__ == "__main__":
    main()
