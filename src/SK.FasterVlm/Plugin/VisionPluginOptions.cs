using SK.FasterVlm.Imaging;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm;

/// <summary>What <see cref="VisionPlugin"/> may look at and how. Nothing on the machine can be reached unless it is named here.</summary>
public sealed class VisionPluginOptions
{
    /// <summary>
    /// Folder below which images may be named by path; null (default) allows no path at all. Neither <c>..</c> nor a symbolic link
    /// leads out of it. Whoever can write to the folder decides what the model can see.
    /// </summary>
    public string? AllowedRoot { get; set; }

    /// <summary>Images that may be named; null (default) for none.</summary>
    public IImageRegistry? Images { get; set; }

    /// <summary>Whether images may be given as <c>data:</c> URIs (default true): they show nothing the caller does not have already.</summary>
    public bool AllowDataUris { get; set; } = true;

    /// <summary>What an image may cost; checked before it is decoded.</summary>
    public ImageLimits ImageLimits { get; set; } = new();

    /// <summary>Most characters of a question, a focus or a label, 1 to 100,000 (default 2,000).</summary>
    public int MaxTextLength { get; set; } = 2_000;

    /// <summary>Most characters of a JSON schema, 1 to 1,000,000 (default 20,000).</summary>
    public int MaxSchemaLength { get; set; } = 20_000;

    /// <summary>Most labels to choose among, 2 to 1,000 (default 50).</summary>
    public int MaxLabels { get; set; } = 50;

    /// <summary>Most tokens of an answer, 1 to 100,000 (default 512). A longer text is cut and marked, a longer object is an error.</summary>
    public int MaxOutputTokens { get; set; } = 512;

    /// <summary>Visual tokens to keep of an image; null (default) leaves it to the model's options.</summary>
    public VisualTokenBudget? VisualTokens { get; set; }

    /// <summary>
    /// Whether errors are thrown as <see cref="VisionException"/> instead of being given to the calling model as a result (default false).
    /// </summary>
    public bool ThrowOnError { get; set; }

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">A value is out of range, or the folder does not exist; the message names it.</exception>
    public void Validate()
    {
        Range(MaxTextLength is >= 1 and <= 100_000, nameof(MaxTextLength), MaxTextLength, "1 to 100000");
        Range(MaxSchemaLength is >= 1 and <= 1_000_000, nameof(MaxSchemaLength), MaxSchemaLength, "1 to 1000000");
        Range(MaxLabels is >= 2 and <= 1_000, nameof(MaxLabels), MaxLabels, "2 to 1000");
        Range(MaxOutputTokens is >= 1 and <= 100_000, nameof(MaxOutputTokens), MaxOutputTokens, "1 to 100000");
        if (AllowedRoot is { } root && !Directory.Exists(root)) throw new ArgumentException($"AllowedRoot \"{root}\" is no folder that exists.");

        static void Range(bool ok, string name, int value, string range)
        {
            if (!ok) throw new ArgumentException($"{name} is {value}; it must be {range}.");
        }
    }
}
