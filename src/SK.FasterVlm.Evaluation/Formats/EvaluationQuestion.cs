namespace SK.FasterVlm.Evaluation.Formats;

/// <summary>One question, ready to be put to a model.</summary>
public sealed record EvaluationQuestion
{
    /// <summary>The id from the question file; not unique in every benchmark (MME and TextVQA name the image).</summary>
    public required QuestionId Id { get; init; }

    /// <summary>What the model is asked, after the image.</summary>
    public required string Text { get; init; }

    /// <summary>The <c>prompt</c> field of the answers file, where LLaVA writes something else than <see cref="Text"/>; else null.</summary>
    public string? RecordedPrompt { get; init; }

    /// <summary>Image path relative to the image folder; null for a question without an image, or when <see cref="ImageBytes"/> is set.</summary>
    public string? Image { get; init; }

    /// <summary>The image itself, for files that carry it (MMBench).</summary>
    public ReadOnlyMemory<byte> ImageBytes { get; init; }

    /// <summary>The category from the question file.</summary>
    public string Category { get; init; } = "default";

    /// <summary>Choices in the order shown, of a multiple-choice question.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Rotation of the choices in circular evaluation; 0 is the original order, null where there are no rounds.</summary>
    public int? Round { get; init; }

    /// <summary>Whether there is an image.</summary>
    public bool HasImage => Image is not null || !ImageBytes.IsEmpty;

    /// <summary>What stands before the question in <see cref="RecordedPrompt"/>, on lines of its own (MMBench's hint); null where nothing does.</summary>
    public string? Hint { get; init; }

    /// <summary>Names <see cref="ImageBytes"/> where several questions carry the same; null: the question's id does.</summary>
    public string? ImageName { get; init; }

    /// <summary>Names the picture: questions with the same name share one encoding, and are one cluster for the bootstrap.</summary>
    public string ImageKey => Image ?? (ImageBytes.IsEmpty ? "" : "#" + (ImageName ?? Id.Text));
}
