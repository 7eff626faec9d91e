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


def cell(box):
    """The patch in which the middle of a box (x, y, width, height) lies."""
    x, y, w, h = box
    return int((y + h / 2) // PATCH) * GRID + int((x + w / 2) // PATCH)


def place(box):
    """3 * row + column: top, middle, bottom and left, middle, right, divided where the questions divide (QuestionWriter.cs)."""
    x, y, w, h = box
    column, row = (int(at > 0.42 * SIZE) + int(at > 0.58 * SIZE) for at in (x + w / 2, y + h / 2))
    return 3 * row + column


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
        for name in ("thing", "kind", "color", "count", "place", "letter", "word"):
            y["cell_" + name] = np.zeros((n, CELLS), np.uint8)
        y["cell_thing"][:] = cells.max(-1) > 0
        for i, scene in enumerate(self.scenes):
            y["style"][i] = scene["style"]
            for item in scene["objects"]:
                kind, at = item["kind"], place(item["box"])
                y["count"][i, kind] += 1
                y["place"][i, kind, at] = 1
                if kind >= FIRST_SHAPE:
                    y["color"][i, kind - FIRST_SHAPE] = item["color"]
                middle = cell(item["box"])
                y["cell_kind"][i, middle], y["cell_color"][i, middle] = kind + 1, item["color"] + 1
                y["cell_place"][i, middle] = at + 1
            named = y["cell_kind"][i] > 0
            y["cell_count"][i, named] = y["count"][i][y["cell_kind"][i, named] - 1]
            if scene["word"]:
                text = scene["word"]["text"]
                letters = np.array([0] + [ord(c) - 64 for c in text], np.uint8)
                y["word"][i] = 1 + WORDS.index(text)
                y["cell_letter"][i] = letters[cells[i, :, 1]]
                y["cell_word"][i, cell(scene["word"]["box"])] = y["word"][i]
        np.minimum(y["count"], 4, out=y["count"])
        np.minimum(y["cell_count"], 4, out=y["cell_count"])
        return y
