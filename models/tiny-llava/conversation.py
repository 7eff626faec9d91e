"""LLaVA-1.5's prompt (vicuna_v1) as token ids, and packed training sequences.

Segments are tokenised one by one. The C# engine tokenises the text between two images as one run, as LLaVA does, with special
tokens off; with this vocabulary a first turn gives the same ids, a later turn may differ where its text starts in lower case.
"""
import os

import numpy as np
import sentencepiece
import torch

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
    """Several conversations about one picture in one sequence: they share the prefix and the image rows, and none sees another,
    so each is exactly what a single request would be. The sequence is [prefix][image rows][conversation 1][conversation 2]...
    with all conversations of a batch padded to one length."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.prefix = tokenizer.prefix()

    def conversation(self, turns):
        """Token ids and what each position has to predict (-1: nothing) for (question, answer) turns."""
        tokens, targets = [], []
        for turn, (question, answer) in enumerate(turns):
            asked, said = self.tokenizer.question(question, turn == 0), self.tokenizer.answer(answer)
            tokens += asked + said
            # The last token of the question predicts the first of the answer.
            targets += [-1] * (len(asked) - 1) + said + [-1]
        return tokens, targets

    def batch(self, pictures, device="cpu"):
        """pictures: lists of conversations. Returns ids and targets [B, conversations, length]."""
        packed = [[self.conversation(turns) for turns in conversations] for conversations in pictures]
        shape = (len(packed), max(map(len, packed)), max(len(ids) for p in packed for ids, _ in p))
        ids, targets = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
        for i, conversations in enumerate(packed):
            for j, (tokens, goals) in enumerate(conversations):
                ids[i, j, :len(tokens)], targets[i, j, :len(goals)] = tokens, goals
        return torch.from_numpy(ids).to(device), torch.from_numpy(targets).to(device)

    def positions(self, rows, count, length):
        """Positions of the packed sequence: every conversation starts right behind the image."""
        head = len(self.prefix) + rows
        return torch.cat([torch.arange(head), (head + torch.arange(length)).repeat(count)]).float()


def language_inputs(lm, packer, visual, ids):
    """[prefix][image rows][text] as embeddings."""
    prefix = lm.embed(torch.tensor(packer.prefix, device=ids.device)).expand(len(ids), -1, -1)
    return torch.cat([prefix, visual, lm.embed(ids.flatten(1))], 1)
