"""Reading what the Scenes project writes: pixels, annotations, questions."""
import json

import numpy as np

SIZE, PATCH = 192, 16
GRID = SIZE // PATCH
CELLS = GRID * GRID
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# The order of Scenes/Vocabulary.cs.
NAMES = ("dog cat pig frog cow fish bird bee car bus train bike boat rocket apple banana pizza cake cup tree flower house moon "
         "umbrella chair clock book key phone guitar ball hat circle square triangle star heart").split()
PLURALS = [{"bus": "buses", "fish": "fish"}.get(name, name + "s") for name in NAMES]
COLOR_NAMES = "red orange yellow green blue purple black white".split()
WORDS = ("STOP OPEN EXIT SALE TAXI CAFE HELLO NEW HOT COLD FREE LOVE ZOO GO NO YES UP DOWN PARK BANK SHOP MENU FOOD MILK "
         "TEA JAM FUN BIG RED WOW HOME PLAY GAME MUSIC WATER LIGHT SKY QUIZ VIP FIX").split()
KINDS, FIRST_SHAPE, COLORS, STYLES = len(NAMES), NAMES.index("circle"), len(COLOR_NAMES), 4


class Scenes:
    """One packed set (see PackedDatasetWriter.cs). Pixels stay on disk; labels are a few bytes a scene."""

    def __init__(self, prefix, limit=None):
        with open(prefix + ".jsonl", encoding="utf-8") as lines:
            self.scenes = [json.loads(line) for _, line in zip(range(limit or 1 << 40), lines)]
        n = len(self.scenes)
        self.pixels = np.memmap(prefix + ".rgb", np.uint8, "r", shape=(n, SIZE, SIZE, 3))
        cells = np.fromfile(prefix + ".cells", np.uint8, n * CELLS * 2).reshape(n, CELLS, 2)
        self.labels = self._labels(cells)
        self.questions = [scene.pop("qa") for scene in self.scenes]

    def __len__(self):
        return len(self.scenes)

    def _labels(self, cells):
        n = len(self.scenes)
        y = dict(
            count=np.zeros((n, KINDS), np.uint8), place=np.zeros((n, KINDS, 9), np.uint8),
            color=np.full((n, KINDS - FIRST_SHAPE), -1, np.int8), word=np.zeros(n, np.uint8), style=np.zeros(n, np.uint8))
        for name in ("kind", "color", "count", "letter", "word"):
            y["cell_" + name] = np.zeros((n, CELLS), np.uint8)
        for i, scene in enumerate(self.scenes):
            y["style"][i] = scene["style"]
            # Row 0 is "no object", so that the cells' 1-based numbers index these tables directly.
            table = np.zeros((1 + len(scene["objects"]), 3), np.uint8)
            for j, item in enumerate(scene["objects"], 1):
                kind, (x, top, w, h) = item["kind"], item["box"]
                y["count"][i, kind] += 1
                column, row = int((x + w / 2) * 3 // SIZE), int((top + h / 2) * 3 // SIZE)
                y["place"][i, kind, 3 * row + column] = 1
                if kind >= FIRST_SHAPE:
                    y["color"][i, kind - FIRST_SHAPE] = item["color"]
                table[j, :2] = kind + 1, item["color"] + 1
            table[1:, 2] = y["count"][i][table[1:, 0] - 1]
            for column, name in enumerate(("kind", "color", "count")):
                y["cell_" + name][i] = table[cells[i, :, 0], column]
            if scene["word"]:
                text = scene["word"]["text"]
                letters = np.array([0] + [ord(c) - 64 for c in text], np.uint8)
                y["word"][i] = 1 + WORDS.index(text)
                y["cell_letter"][i] = letters[cells[i, :, 1]]
                y["cell_word"][i] = (cells[i, :, 1] > 0) * y["word"][i]
        np.minimum(y["count"], 4, out=y["count"])
        np.minimum(y["cell_count"], 4, out=y["cell_count"])
        return y
