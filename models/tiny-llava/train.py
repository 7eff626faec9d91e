#!/usr/bin/env python3
"""Trains tiny-llava from scratch: `train.py vision`, `train.py lookup`, `train.py language` (README.md has the sequence).

Runs on CPU or CUDA, resumes from its last checkpoint when started again, and follows a cosine schedule over --minutes of
training time or --steps, whichever is given.
"""
import argparse
import math
import os
import sys
import time

# PyTorch's OpenMP threads otherwise spin while OpenBLAS' own threads want the cores: a step takes half as long again.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch

import conversation
from data import CELLS, COLOR_NAMES, COLORS, FIRST_SHAPE, KINDS, NAMES, PLURALS, STYLES, WORDS, Scenes
from model import LANGUAGE, VISION, CellHeads, LanguageModel, LookupHeads, Optimizers, Projector, SceneHeads, VisionTower

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, "work")
TOKENIZER = os.path.join(HERE, "tokenizer.model")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Run:
    """Progress, learning-rate schedule, log and checkpoint of one stage."""

    WARMUP = 0.03

    def __init__(self, name, args, modules, optimizers):
        self.name, self.args, self.modules, self.optimizers = name, args, modules, optimizers
        self.step, self.seen, self.spent = 0, 0, 0.0
        self.log_file = os.path.join(HERE, "log", f"{name}.tsv")
        self.averages, self.last_log, self.last_save = {}, 0.0, time.time()
        if os.path.exists(self.checkpoint):
            self._load()
        self.started = time.time() - self.spent

    @property
    def checkpoint(self):
        return os.path.join(WORK, f"{self.name}.pt")

    @property
    def progress(self):
        if self.args.steps:
            return self.step / self.args.steps
        return (time.time() - self.started) / (60 * self.args.minutes)

    def advance(self, loss, count, **values):
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.optimizers.parameters, 1.0)
        at = min(1.0, self.progress)
        factor = min(1.0, (self.step + 1) / 50, at / self.WARMUP + 0.1) * (0.5 + 0.5 * math.cos(math.pi * at) + 0.01)
        self.optimizers.step(factor)
        self.step += 1
        self.seen += count
        for key, value in dict(loss=float(loss), **values).items():
            self.averages[key] = 0.97 * self.averages.get(key, value) + 0.03 * value
        self._report(at)
        if time.time() - self.last_save > 120:
            self.save()

    def _report(self, at):
        spent = time.time() - self.started
        eta = spent / max(at, 1e-6) * (1 - at)
        bar = "#" * int(20 * at)
        sys.stdout.write(
            f"\r{self.name} [{bar:<20}] {100 * at:5.1f}% step {self.step} "
            + " ".join(f"{k} {v:.3f}" for k, v in self.averages.items())
            + f" {self.seen / spent:.1f}/s ETA {eta / 60:.0f} min  ")
        sys.stdout.flush()

    def log(self, **values):
        row = dict(step=self.step, seen=self.seen, minutes=round((time.time() - self.started) / 60, 1),
                   loss=round(self.averages["loss"], 4), **{k: round(v, 4) for k, v in values.items()})
        new = not os.path.exists(self.log_file)
        os.makedirs(os.path.dirname(self.log_file), exist_ok=True)
        with open(self.log_file, "a", encoding="utf-8") as out:
            if new:
                out.write("\t".join(row) + "\n")
            out.write("\t".join(map(str, row.values())) + "\n")
        print("\n" + " ".join(f"{k}={v}" for k, v in row.items()), flush=True)

    def save(self):
        state = dict(step=self.step, seen=self.seen, spent=time.time() - self.started, optimizers=self.optimizers.state_dict(),
                     modules={k: m.state_dict() for k, m in self.modules.items()})
        torch.save(state, self.checkpoint + ".part")
        os.replace(self.checkpoint + ".part", self.checkpoint)
        self.last_save = time.time()

    def _load(self):
        state = torch.load(self.checkpoint, map_location=DEVICE)
        self.step, self.seen, self.spent = state["step"], state["seen"], state["spent"]
        self.optimizers.load_state_dict(state["optimizers"])
        for key, module in self.modules.items():
            module.load_state_dict(state["modules"][key])
        print(f"resumed at step {self.step}")


def batches(count, size, seed, skip):
    """Endless shuffled index batches; the same seed and position give the same batch, so a resumed run goes on exactly."""
    for epoch in range(1 << 30):
        order = np.random.default_rng((seed, epoch)).permutation(count)
        for start in range(0, count - size + 1, size):
            if skip > 0:
                skip -= 1
                continue
            yield np.sort(order[start:start + size])


def vision_modules():
    width = VISION["width"]
    heads = lambda: SceneHeads(width, KINDS, KINDS - FIRST_SHAPE, COLORS, len(WORDS), STYLES)
    return torch.nn.ModuleDict(dict(
        tower=VisionTower(**VISION), final=heads(), early=heads(), early_ln=torch.nn.LayerNorm(width),
        cells=CellHeads(width, KINDS, COLORS, len(WORDS)), before=CellHeads(width, KINDS, COLORS, len(WORDS)))).to(DEVICE)


def scene_batch(scenes, index):
    pixels = torch.from_numpy(scenes.pixels[index]).to(DEVICE)
    labels = {k: torch.from_numpy(v[index]).to(DEVICE) for k, v in scenes.labels.items()}
    return pixels, {k: v.float() if k == "place" else v.long() for k, v in labels.items()}


def thin_cells(y, count):
    """The patches that hold something, and some of the ground: steps on these take half the time. The last part of the
    schedule sees all patches."""
    thing = y["cell_thing"]
    return (thing + torch.rand(thing.shape, device=thing.device)).topk(count, dim=1).indices


def train_vision(args):
    """The tower learns through its [CLS] token, at its end and at the block LLaVA reads."""
    train, held_out = Scenes(args.train), Scenes(args.val, limit=512)
    m = vision_modules()
    m["tower"].start_from(torch.from_numpy(train.pixels[:400]).to(DEVICE))
    run = Run("vision", args, m, Optimizers(m, args.muon, args.adam))
    next_check = time.time() + 60
    for index in batches(len(train), args.batch, args.seed, run.step):
        if run.progress >= 1:
            break
        pixels, y = scene_batch(train, index)
        cells = None
        if run.progress < args.thin:
            cells = thin_cells(y, args.thin_cells)
            y.update({k: v.gather(1, cells) for k, v in y.items() if k.startswith("cell_")})
        rows, before, _ = m["tower"].layers(pixels, cells)
        early = m["early"].loss(m["early_ln"](rows[:, 0]), y)
        final = m["final"].loss(m["tower"].summary(rows), y)
        # Already the rows that the block's [CLS] token reads have to hold what it should find.
        patches = (m["cells"].loss(rows[:, 1:], y) + 0.5 * m["before"].loss(before[:, 1:], y)) / 1.5
        run.advance(final + 0.5 * early + args.cells * patches, len(index),
                    early=early.item(), final=final.item(), cells=patches.item())
        if time.time() > next_check:
            run.log(**check_vision(m, held_out))
            next_check = time.time() + args.check
    run.save()
    run.log(**check_vision(m, held_out))


@torch.no_grad()
def check_vision(m, scenes):
    """Held-out accuracies of the [CLS] and patch heads, and whether [CLS] attention lies on things."""
    total, n = {}, 0
    for start in range(0, len(scenes), 64):
        pixels, y = scene_batch(scenes, np.arange(start, min(start + 64, len(scenes))))
        rows, attention = m["tower"].features(pixels)
        thing = y["cell_thing"] > 0
        patches = m["cells"].ln(rows[:, 1:])
        values = dict(attn=((attention * thing).sum(1) / attention.sum(1)).mean(), area=thing.float().mean(),
                      cover25=covered(attention.topk(CELLS // 4).indices, y), cover10=covered(attention.topk(14).indices, y),
                      cover5=covered(attention.topk(7).indices, y))
        for name, cls in (("early", m["early_ln"](rows[:, 0])), ("final", m["tower"].summary(rows))):
            count = m[name].count(cls).view(len(cls), KINDS, 5).argmax(-1)
            present = y["count"] > 0
            values[f"{name}_present"] = (count[present] > 0).float().mean()
            values[f"{name}_count"] = (count[present] == y["count"][present]).float().mean()
            worded = y["word"] > 0
            values[f"{name}_word"] = (m[name].word(cls).argmax(-1) == y["word"])[worded].float().mean()
        for name, head in m["cells"].heads.items():
            labelled = y["cell_" + name] > 0
            values["cell_" + name] = (head(patches).argmax(-1) == y["cell_" + name])[labelled].float().mean()
        for key, value in values.items():
            total[key] = total.get(key, 0.0) + float(value) * len(pixels)
        n += len(pixels)
    return {k: v / n for k, v in total.items()}


def covered(kept, y):
    """Share of the kinds (and words) of a picture of which at least one telling patch is kept."""
    hits = things = 0
    for i, cells in enumerate(kept):
        for name in ("cell_kind", "cell_word"):
            present = set(y[name][i].tolist()) - {0}
            hits += len(present & set(y[name][i, cells].tolist()))
            things += len(present)
    return torch.tensor(hits / max(1, things))


def language_modules(vocabulary):
    return torch.nn.ModuleDict(dict(
        projector=Projector(VISION["width"], LANGUAGE["width"]), lm=LanguageModel(vocabulary, **LANGUAGE))).to(DEVICE)


def load_modules(name, modules):
    state = torch.load(os.path.join(WORK, f"{name}.pt"), map_location=DEVICE)["modules"]
    for key, module in modules.items():
        module.load_state_dict(state[key])
    return modules.eval()


@torch.no_grad()
def tower_rows(tower, pixels):
    """The frozen tower's rows as LLaVA reads them: without [CLS], no last norm."""
    parts = torch.from_numpy(pixels).to(DEVICE).split(32)
    return torch.cat([tower.features(part)[0][:, 1:] for part in parts])


# Scenes offer several questions on presence and position but at most one or two on the rest.
CATEGORY_WEIGHT = dict(word=10.0, naming=2.0, color=1.5, count=3.0)


def sample_conversations(random, questions, count):
    """Some of a scene's questions, each by itself; sometimes two that expect sentences, as turns of one conversation (those
    with the long suffix would make all others wait: conversations are padded to one length)."""
    weight = lambda qa: CATEGORY_WEIGHT.get(qa["c"], 1.0) * (2.0 if qa["c"] == "count" and qa["a"][0] in "234" else 1.0)
    keys = [random.random() ** (1 / weight(qa)) for qa in questions]
    chosen = [(questions[i]["q"], questions[i]["a"]) for i in np.argsort(keys)[::-1][:count]]
    random.shuffle(chosen)
    conversations = []
    while chosen:
        brief = sum(len(question + answer) for question, answer in chosen[:2]) < 100
        turns = 2 if len(chosen) > 1 and brief and random.random() < 0.5 else 1
        conversations.append(chosen[:turns])
        chosen = chosen[turns:]
    return conversations


class Alignment:
    """Draws the image row of a patch towards the embeddings of the words for what the patch shows: its kind (one and many),
    colour, number, side and level, and written word. The projector learns this before the language model starts, as LLaVA pretrains its
    projector on captions; otherwise the model takes ages to find out that rows and words are about the same things."""

    def __init__(self, tokenizer):
        ids = lambda words: torch.tensor([tokenizer(word)[0] for word in words], device=DEVICE)
        spaced = lambda words: ids([" " + word for word in words])
        self.groups = [("cell_kind", spaced(NAMES)), ("cell_kind", spaced(PLURALS)), ("cell_color", spaced(COLOR_NAMES)),
                       ("cell_count", ids(" 1, 2, 3, 4".split(","))), ("cell_word", spaced(WORDS)),
                       ("cell_side", spaced(["left", "right"])), ("cell_level", spaced(["top", "bottom"]))]

    def loss(self, visual, embeddings, y):
        total = 0
        for name, tokens in self.groups:
            # Label 0 is "nothing of this group": all its words lose against a logit of zero.
            logits = torch.nn.functional.pad(visual @ embeddings[tokens].t(), (1, 0))
            weight = torch.where(y[name] > 0, 1.0, 0.03)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y[name].flatten(), reduction="none")
            total = total + (loss * weight.flatten()).sum() / weight.sum()
        return total

    def labels(self, scenes, index):
        y = {name: scenes.labels[name][index] for name in ("cell_kind", "cell_color", "cell_count", "cell_word", "cell_place")}
        # Place is 0 or 1 + 3 * row + column; the middle has no word of its own.
        ends, place = np.array([1, 0, 2]), y["cell_place"].astype(int) - 1
        y["cell_side"], y["cell_level"] = (np.where(place >= 0, ends[part], 0) for part in (place % 3, place // 3))
        return {name: torch.from_numpy(value).to(DEVICE).long() for name, value in y.items()}

    def pretrain(self, args, m, tower, train):
        """The projector and the word embeddings by themselves."""
        embeddings = m["lm"].embed.weight
        optimizer = torch.optim.Adam([*m["projector"].parameters(), embeddings], 2e-3)
        for step, index in enumerate(batches(len(train), 16, args.seed + 2, 0)):
            if step == args.align_steps:
                break
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * (1 - step / args.align_steps)
            visual = m["projector"](tower_rows(tower, train.pixels[index]))
            loss = self.loss(visual, embeddings, self.labels(train, index))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            print(f"\ralign {step + 1}/{args.align_steps} loss {loss.item():.3f}", end="", flush=True)
        print()


def train_lookup(args):
    """Teaches the first half of the language model to look things up: behind the image stand the names of all kinds, shuffled,
    and each has to know what the picture shows of it. Questions teach the same, but with one label in twenty-five tokens where
    this has one in every token."""
    train = Scenes(args.train)
    if not os.path.exists(TOKENIZER):
        conversation.train_tokenizer(train.questions[:8000], TOKENIZER)
    tokenizer = conversation.Tokenizer(TOKENIZER)
    packer = conversation.Packer(tokenizer)
    tower = load_modules("vision", vision_modules())["tower"]
    m = language_modules(tokenizer.size)
    m["lookup"] = LookupHeads(LANGUAGE["width"], COLORS).to(DEVICE)
    run = Run("lookup", args, m, Optimizers(m, args.muon, args.adam))
    if run.step == 0:
        m["projector"].start_from(tower_rows(tower, train.pixels[:96]))
        Alignment(tokenizer).pretrain(args, m, tower, train)
        run.started = time.time()
    next_check = time.time() + 60
    names = torch.tensor([[tokenizer(" " + word)[0] for word in words] for words in (NAMES, PLURALS)], device=DEVICE)
    for index in batches(len(train), args.batch, args.seed + 3, run.step):
        if run.progress >= 1:
            break
        order = torch.randperm(KINDS, device=DEVICE)
        ids = names[:, order].expand(len(index), -1, -1)
        visual = m["projector"](tower_rows(tower, train.pixels[index]))
        x = conversation.language_inputs(m["lm"], packer, visual, ids)
        hidden = m["lm"].hidden(x, packer.positions(CELLS, 2, KINDS).to(DEVICE), 2, KINDS, LANGUAGE["blocks"] // 2)
        y = {name: torch.from_numpy(train.labels[name][index]).to(DEVICE) for name in ("count", "place", "color")}
        y = {name: value.float() if name == "place" else value.long() for name, value in y.items()}
        loss = m["lookup"].loss(hidden.flatten(1, 2), order.repeat(2), y, FIRST_SHAPE)
        with torch.no_grad():
            guess = m["lookup"].count(hidden[:, 0]).argmax(-1) > 0
            truth = y["count"][:, order] > 0
            values = dict(found=(guess & truth).sum().item() / truth.sum().item(),
                          false=(guess & ~truth).sum().item() / truth.sum().item())
        run.advance(loss, len(index), **values)
        if time.time() > next_check:
            run.log(found=run.averages["found"], false=run.averages["false"])
            next_check = time.time() + args.check
    run.save()
    run.log(found=run.averages["found"], false=run.averages["false"])


def some_rows(random, visual, things):
    """A random part of each picture's rows in raster order, or all of them in three steps of ten. A model that has only ever
    seen whole pictures takes places from a row's running number and says yes to anything when the ground is missing. In half
    of the steps with a part the ground (things [B, 144] is 0) goes first. Both are drawn blindly: no [CLS] attention here."""
    count = CELLS if random.random() < 0.3 else int(np.exp(random.uniform(np.log(6), np.log(CELLS))))
    first = things * float(random.random() < 0.5) + random.random(things.shape)
    kept = np.sort(np.argsort(-first, axis=1)[:, :count], axis=1)
    return visual[torch.arange(len(visual)).unsqueeze(1), torch.from_numpy(kept)]


def train_language(args):
    """Projector and language model learn to answer from the frozen tower's rows."""
    train, held_out = Scenes(args.train), Scenes(args.val, limit=96)
    tokenizer = conversation.Tokenizer(TOKENIZER)
    packer = conversation.Packer(tokenizer)
    tower = load_modules("vision", vision_modules())["tower"]
    held_out_rows = tower_rows(tower, np.array(held_out.pixels))
    m = language_modules(tokenizer.size)
    alignment = Alignment(tokenizer)
    run = Run("language", args, m, Optimizers(m, args.muon, args.adam))
    if run.step == 0:
        load_modules("lookup", m)
    random = np.random.default_rng((args.seed, run.step))
    next_check = time.time() + 60
    for index in batches(len(train), args.batch, args.seed + 1, run.step):
        if run.progress >= 1:
            break
        chosen = [sample_conversations(random, train.questions[i], args.questions) for i in index]
        ids, targets = packer.batch(chosen, DEVICE)
        visual = m["projector"](tower_rows(tower, train.pixels[index]))
        shown = some_rows(random, visual, train.labels["cell_thing"][index]) if run.progress > args.whole else visual
        x = conversation.language_inputs(m["lm"], packer, shown, ids)
        hidden = m["lm"].hidden(x, packer.positions(shown.shape[1], *ids.shape[1:]).to(DEVICE), *ids.shape[1:])
        asked = targets >= 0
        loss = torch.nn.functional.cross_entropy(m["lm"].output(hidden[asked]), targets[asked])
        aligned = alignment.loss(visual, m["lm"].embed.weight, alignment.labels(train, index))
        fading = 0.2 * min(1.0, 2 * max(0.0, 0.9 - run.progress))
        run.advance(loss + fading * aligned, len(index), answers=loss.item(), aligned=aligned.item())
        if time.time() > next_check:
            run.log(**check_language(m, packer, held_out.questions, held_out_rows))
            next_check = time.time() + args.check
    run.save()
    run.log(**check_language(m, packer, held_out.questions, held_out_rows))


@torch.no_grad()
def check_language(m, packer, questions, rows):
    """Exact-match accuracy by category. An answer is right when every token of it is the most likely one after the right
    tokens before it, which is the same as greedy decoding giving exactly that answer."""
    right, total = {}, {}
    for start in range(0, len(rows), 16):
        asked = questions[start:start + 16]
        ids, targets = packer.batch([[[(qa["q"], qa["a"])] for qa in qas] for qas in asked], DEVICE)
        x = conversation.language_inputs(m["lm"], packer, m["projector"](rows[start:start + 16]), ids)
        hidden = m["lm"].hidden(x, packer.positions(CELLS, *ids.shape[1:]).to(DEVICE), *ids.shape[1:])
        wrong = ((m["lm"].output(hidden).argmax(-1) != targets) & (targets >= 0)).any(-1)
        for failed, qas in zip(wrong.tolist(), asked):
            for qa, bad in zip(qas, failed):
                total[qa["c"]] = total.get(qa["c"], 0) + 1
                right[qa["c"]] = right.get(qa["c"], 0) + (not bad)
    return {category: right[category] / total[category] for category in sorted(total)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=["vision", "lookup", "language"])
    parser.add_argument("--train", default=os.path.join(WORK, "train"))
    parser.add_argument("--val", default=os.path.join(WORK, "val"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--thin", type=float, default=0.7, help="part of the vision schedule that leaves out most of the ground")
    parser.add_argument("--thin-cells", type=int, default=56)
    parser.add_argument("--align-steps", type=int, default=300, help="steps for the projector alone before the language stage")
    parser.add_argument("--whole", type=float, default=0.4, help="part of the language schedule that shows whole pictures only")
    parser.add_argument("--questions", type=int, default=14, help="questions per picture in a step of the language stage")
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--check", type=float, default=240, help="seconds between checks on held-out scenes")
    parser.add_argument("--muon", type=float, default=0.02)
    parser.add_argument("--adam", type=float, default=1e-3)
    parser.add_argument("--cells", type=float, default=10.0, help="weight of the patch labels in the vision stage")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    os.makedirs(WORK, exist_ok=True)
    {"vision": train_vision, "lookup": train_lookup, "language": train_language}[args.stage](args)


if __name__ == "__main__":
    main()
