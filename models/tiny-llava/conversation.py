"""LLaVA-1.5's prompt (vicuna_v1) as token ids, and packed training sequences.

Segments are tokenised one by one, as the C# engine does: template text and user text never merge into one token, so user
text cannot become structure.
"""
import json
import os

import numpy as np
import sentencepiece
import torch

from data import CELLS

SYSTEM = ("A chat between a curious user and an artificial intelligence assistant. "
          "The assistant gives helpful, detailed, and polite answers to the user's questions. ")
BEFORE_IMAGE, AFTER_IMAGE, BEFORE_TURN, AFTER_QUESTION = SYSTEM + "USER: ", "\n", "USER: ", " ASSISTANT:"
VOCABULARY = 1024


def train_tokenizer(questions, model_file):
    """A small SPM-BPE vocabulary, as llama.cpp's `llama` tokenizer reads it: no added space, bytes for everything unknown."""
    corpus = model_file + ".txt"
    with open(corpus, "w", encoding="utf-8") as out:
        out.write("".join(map(chr, range(33, 127))) + "\n")
        for asked in questions:
            for qa in asked:
                out.write(qa["q"].replace("\n", " ") + AFTER_QUESTION + " " + qa["a"] + "\n")
            out.write(BEFORE_IMAGE + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=corpus, model_prefix=model_file.removesuffix(".model"), model_type="bpe", vocab_size=VOCABULARY,
        byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity",
        character_coverage=1.0,
        input_sentence_size=200000, shuffle_input_sentence=False, minloglevel=1)
    os.remove(corpus)


class Tokenizer:
    def __init__(self, model_file):
        self.spm = sentencepiece.SentencePieceProcessor(model_file=model_file)
        self.size = self.spm.vocab_size()
        self._cache = {}

    def __call__(self, text):
        """Tokens of one segment. Texts repeat endlessly in training, hence the cache."""
        if text not in self._cache:
            self._cache[text] = self.spm.encode(text)
        return self._cache[text]

    def prefix(self):
        return [self.spm.bos_id()] + self(BEFORE_IMAGE)

    def question(self, text, first=True):
        """What stands between the image (or the answer before) and the answer."""
        return self(AFTER_IMAGE if first else BEFORE_TURN) + self(text) + self(AFTER_QUESTION)

    def answer(self, text):
        return self(" " + text) + [self.spm.eos_id()]


class Packer:
    """Several conversations about one picture in one sequence: prefix and image rows are shared, and no conversation sees
    another, so each is exactly what a single request would be."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.prefix = tokenizer.prefix()

    def pack(self, conversations, rows=CELLS):
        """conversations: lists of (question, answer) turns. Returns text ids, positions, conversation numbers and targets
        (-1 where nothing is to be predicted) of everything behind the image."""
        ids, positions, owner, targets = [], [], [], []
        start = len(self.prefix) + rows
        for number, turns in enumerate(conversations, 1):
            tokens, goals = [], []
            for turn, (question, answer) in enumerate(turns):
                asked, said = self.tokenizer.question(question, turn == 0), self.tokenizer.answer(answer)
                tokens += asked + said
                # Each position predicts the next token; the last token of the question predicts the first of the answer.
                goals += [-1] * (len(asked) - 1) + said + [-1]
            ids += tokens
            targets += goals
            positions += range(start, start + len(tokens))
            owner += [number] * len(tokens)
        return ids, positions, owner, targets

    def collate(self, packed, rows=CELLS, device="cpu"):
        """Pads packed sequences; returns text ids, positions, additive mask and targets of the whole batch."""
        longest = max(len(p[0]) for p in packed)
        head = len(self.prefix) + rows
        ids = np.zeros((len(packed), longest), np.int64)
        positions = np.zeros((len(packed), head + longest), np.int64)
        owner = np.full((len(packed), head + longest), -1, np.int64)
        targets = np.full((len(packed), longest), -1, np.int64)
        positions[:, :head] = np.arange(head)
        owner[:, :head] = 0
        for i, (text, position, number, goal) in enumerate(packed):
            n = len(text)
            ids[i, :n], targets[i, :n] = text, goal
            positions[i, head:head + n], owner[i, head:head + n] = position, number
        ids, positions, owner, targets = (torch.from_numpy(a).to(device) for a in (ids, positions, owner, targets))
        causal = torch.ones(head + longest, head + longest, dtype=torch.bool, device=device).tril()
        allowed = causal & ((owner[:, None] == owner[:, :, None]) | (owner[:, None] == 0))
        mask = torch.zeros(allowed.shape, device=device).masked_fill_(~allowed, -1e9)[:, None]
        return ids, positions.float(), mask, targets


def language_inputs(modules, packer, features, ids):
    """[prefix][projected image rows][text] as embeddings."""
    embed, b = modules["lm"].embed, len(ids)
    prefix = embed(torch.tensor(packer.prefix, device=ids.device)).expand(b, -1, -1)
    return torch.cat([prefix, modules["projector"](features), embed(ids)], 1)
