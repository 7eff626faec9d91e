using SK.FasterVlm.Gguf;
using SK.FasterVlm.Models;

namespace SK.FasterVlm.Cli.Inspection;

/// <summary>What two files are together: the family they were recognised as, or why they cannot be used.</summary>
/// <param name="Family">The family; null when the files are refused.</param>
/// <param name="Template">Format of conversations; null when the files are refused or theirs is not supported.</param>
/// <param name="Evidence">What decided.</param>
/// <param name="Views">How pictures are processed.</param>
/// <param name="Refusal">Why the files cannot be used together; null when they can.</param>
internal sealed record PairReport(string? Family, string? Template, string? Evidence, string? Views, string? Refusal)
{
    /// <summary>Reads a language model and its projector, in either order; null for other numbers of files.</summary>
    public static PairReport? Read(IReadOnlyList<string> paths)
    {
        if (paths.Count != 2) return null;
        try
        {
            using GgufFile first = GgufFile.Open(paths[0]), second = GgufFile.Open(paths[1]);
            bool exchanged = first.Metadata.FindString("general.architecture") == "clip";
            (GgufFile model, GgufFile projector) = exchanged ? (second, first) : (first, second);
            (LanguageHeader language, ClipHeader vision) = ModelPairValidator.Validate(model, projector);
            RecognizedModel recognized = ModelRecognition.Recognize(ModelFacts.Of(language, vision, Path.GetFileNameWithoutExtension(model.Name)));
            string views = vision.GridPinpoints.Count == 0
                ? "one view, padded to a square"
                : $"the whole picture and tiles of {string.Join(", ", vision.GridPinpoints.Select(static p => $"{p.Width}x{p.Height}"))} pixels";
            return new PairReport(recognized.Family, recognized.Template, recognized.Evidence, views, null);
        }
        catch (ModelFormatException error)
        {
            return new PairReport(null, null, null, null, error.Message);
        }
    }

    /// <summary>For people.</summary>
    public string Sentence() => Refusal is not null
        ? $"They cannot be used together: {Refusal}"
        : $"Recognised as {Family} ({Evidence}): {Views}; chat template {Template ?? "not supported, choose one with FasterVlmOptions.ChatTemplate"}.";
}
