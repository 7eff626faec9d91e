namespace SK.FasterVlm.Cli.Tests;

/// <summary>Paths of this checkout: the shipped model's pictures and questions, and the README that quotes its answers.</summary>
internal static class EmbeddedModel
{
    /// <summary>The checkout.</summary>
    public static string Root { get; } = Find();

    /// <summary>The README.</summary>
    public static string Readme => Path.Combine(Root, "README.md");

    /// <summary>A file or folder of <c>models/tiny-llava</c>.</summary>
    public static string At(params string[] names) => Path.Combine([Root, "models", "tiny-llava", .. names]);

    static string Find()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "SK.FasterVlm.sln"))) return at.FullName;
        throw new InvalidOperationException("These tests run inside a checkout.");
    }
}
