using ScottPlot;
using SkiaSharp;

namespace SK.FasterVlm.Evaluation.Reporting;

/// <summary>
/// Finds a typeface for charts. The drawing library brings none, and its Linux build without dependencies knows only what lies in
/// <c>/usr/share/fonts</c>: a bare container has nothing to write with.
/// </summary>
static class ChartFont
{
    /// <summary>Environment variable with a font file (TTF, OTF) to use instead of an installed one.</summary>
    internal const string Variable = "FASTERVLM_FONT";

    static readonly string[] s_preferred = ["DejaVu Sans", "Noto Sans", "Liberation Sans", "Open Sans", "Segoe UI", "Helvetica", "Arial", "FreeSans"];

    static readonly Lazy<string?> s_name = new(Find);

    /// <summary>Name of the typeface; null when there is none on this machine.</summary>
    internal static string? Name => s_name.Value;

    static string? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } file && File.Exists(file))
        {
            Fonts.AddFontFile("FasterVlm chart", file);
            return "FasterVlm chart";
        }
        string[] installed = [.. SKFontManager.Default.FontFamilies];
        return s_preferred.FirstOrDefault(name => installed.Contains(name, StringComparer.OrdinalIgnoreCase)) ?? Array.Find(installed, CanWrite);
    }

    // Symbol and emoji fonts are families too.
    static bool CanWrite(string family)
    {
        using SKTypeface? typeface = SKFontManager.Default.MatchFamily(family);
        return typeface is not null && typeface.ContainsGlyphs("Ag09%[]");
    }
}
