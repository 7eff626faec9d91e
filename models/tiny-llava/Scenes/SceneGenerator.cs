namespace SK.FasterVlm.Scenes;

/// <summary>
/// Draws lots: the same seed, rule and content box always give the same scene. Of fonts it needs only how wide a text is, per unit of
/// the height of its capitals (<see cref="SceneFonts.Width"/>).
/// </summary>
internal static class SceneGenerator
{
    private const float WordShare = 0.45f;
    private const float LetterboxShare = 0.25f;
    private const int Margin = 3;
    private const float Smallest = 24;
    private const float Largest = 46;

    public static Scene Generate(int seed, SceneRule rule, Func<int, string, float> width, Box? content = null)
    {
        var random = new Random(seed);
        var box = content ?? SampleContent(random);
        while (true)
        {
            var scene = Sample(seed, random, rule, width, box);
            if (scene.Objects.Count > 0 && (rule != SceneRule.HeldOutCombination || scene.HasHeldOutCombination))
            {
                return scene;
            }
        }
    }

    /// <summary>Most pictures are square; the others are what LLaVA sees of a landscape or portrait photo, padded to a square.</summary>
    private static Box SampleContent(Random random)
    {
        if (random.NextSingle() >= LetterboxShare)
        {
            return new Box(0, 0, Scene.Size, Scene.Size);
        }

        var narrow = random.Next(108, 176);
        var offset = (Scene.Size - narrow) / 2;
        return random.Next(3) > 0
            ? new Box(0, offset, Scene.Size, narrow)
            : new Box(offset, 0, narrow, Scene.Size);
    }

    private static Scene Sample(int seed, Random random, SceneRule rule, Func<int, string, float> width, Box content)
    {
        var style = (BackgroundStyle)random.Next(4);
        var taken = new List<Box>();
        var word = random.NextSingle() < WordShare ? PlaceWord(random, width, content, taken) : null;

        var objects = new List<SceneObject>();
        foreach (var (kind, copies) in SampleKinds(random, rule, style))
        {
            var color = random.Next(Vocabulary.Colors.Length);
            for (var i = 0; i < copies; i++)
            {
                if (Place(random, content, taken) is { } spot)
                {
                    var angle = kind.IsShape ? (random.NextSingle() - 0.5f) * 30 : (random.NextSingle() - 0.5f) * 16;
                    objects.Add(new SceneObject(kind, kind.IsShape ? color : -1, spot, angle));
                }
            }
        }

        return new Scene(seed, content, style, objects, word);
    }

    /// <summary>Kinds with their copies, five objects at most. Copies of one shape share one colour, so that its colour can be asked.</summary>
    private static List<(Kind Kind, int Copies)> SampleKinds(Random random, SceneRule rule, BackgroundStyle style)
    {
        var pool = Vocabulary.Kinds.Where(k => rule != SceneRule.TrainingCombinations || !Vocabulary.IsHeldOut(k, style)).ToArray();
        var budget = random.Next(1, 6);
        var result = new List<(Kind, int)>();
        while (budget > 0)
        {
            // Shapes are 5 of 37 kinds but carry all colour questions, hence the extra share.
            var candidates = random.NextSingle() < 0.25f ? [.. pool.Where(k => k.IsShape)] : pool;
            var kind = candidates[random.Next(candidates.Length)];
            if (result.Any(r => r.Item1 == kind))
            {
                continue;
            }

            var copies = random.NextSingle() < 0.45f ? Math.Min(random.Next(2, 5), budget) : 1;
            result.Add((kind, copies));
            budget -= copies;
        }

        return result;
    }

    private static SceneWord? PlaceWord(Random random, Func<int, string, float> width, Box content, List<Box> taken)
    {
        var text = Vocabulary.Words[random.Next(Vocabulary.Words.Length)];
        var font = random.Next(Vocabulary.FontFiles.Length);
        var height = 20 + random.NextSingle() * 12;
        var length = width(font, text) * height;
        var room = content.Width - 2 * Margin;
        if (length > room)
        {
            height *= room / length;
            length = room;
        }

        var box = new Box(
            content.X + Margin + random.NextSingle() * (room - length),
            content.Y + Margin + random.NextSingle() * (content.Height - 2 * Margin - height), length, height);
        taken.Add(box);
        return new SceneWord(text, font, random.Next(Vocabulary.Colors.Length), random.Next(3) == 0, box);
    }

    private static Box? Place(Random random, Box content, List<Box> taken)
    {
        // Log-uniform, and small against the picture: a thing lies on few patches, so that it matters which ones are kept.
        var size = Smallest * MathF.Pow(Largest / Smallest, random.NextSingle());
        for (var attempt = 0; attempt < 40; attempt++)
        {
            var box = new Box(
                content.X + Margin + random.NextSingle() * Math.Max(0, content.Width - 2 * Margin - size),
                content.Y + Margin + random.NextSingle() * Math.Max(0, content.Height - 2 * Margin - size), size, size);
            if (taken.All(t => t.Overlap(box) < 0.06f * Math.Min(t.Width * t.Height, size * size)))
            {
                taken.Add(box);
                return box;
            }

            size = Math.Max(Smallest, size * 0.95f);
        }

        return null;
    }
}
