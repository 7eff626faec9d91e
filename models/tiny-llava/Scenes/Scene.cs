namespace SK.FasterVlm.Scenes;

/// <summary>An axis-aligned box in scene units (the square picture is <see cref="Scene.Size"/> units wide).</summary>
internal readonly record struct Box(float X, float Y, float Width, float Height)
{
    public float CenterX => X + Width / 2;
    public float CenterY => Y + Height / 2;

    public float Overlap(Box other)
    {
        var w = Math.Min(X + Width, other.X + other.Width) - Math.Max(X, other.X);
        var h = Math.Min(Y + Height, other.Y + other.Height) - Math.Max(Y, other.Y);
        return w > 0 && h > 0 ? w * h : 0;
    }
}

internal sealed record SceneObject(Kind Kind, int Color, Box Box, float Angle);

internal sealed record SceneWord(string Text, int Font, int Color, bool OnPlate, Box Box);

/// <summary>One drawn situation, complete: drawing it and asking about it need nothing else.</summary>
internal sealed record Scene(
    int Seed, Box Content, BackgroundStyle Style, IReadOnlyList<SceneObject> Objects, SceneWord? Word)
{
    /// <summary>Side of the square picture in scene units; equals the pixels of the model's input.</summary>
    public const int Size = 192;
    public const int Patch = 16;
    public const int Grid = Size / Patch;

    public bool HasHeldOutCombination => Objects.Any(o => Vocabulary.IsHeldOut(o.Kind, Style));
}

/// <summary>What a scene may contain.</summary>
internal enum SceneRule { TrainingCombinations, AnyCombination, HeldOutCombination }
