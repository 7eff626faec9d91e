using SK.FasterVlm.Chat;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>
/// The LLaVA-1.5 prompt with a fixed number of text tokens, so that runs on different models compare. With LLaVA's own tokenizer the
/// question below needs no change; with another the wording is cut or stretched until the count fits, which speed does not feel.
/// </summary>
internal sealed record BenchPrompt(IReadOnlyList<PromptSegment> Segments, int TextTokens)
{
    const string Before = "USER: ";
    const string Question =
        "\nDescribe the picture in one sentence: which things are in it, where are they, what colours do they have and what might happen next";
    const string After = " ASSISTANT:";

    // Longer than any question needs to be; words of one syllable keep the steps small.
    static readonly string Material = Question + string.Concat(Enumerable.Repeat(" and then what comes", 64));

    /// <summary>Builds the prompt.</summary>
    /// <param name="language">For its tokenizer.</param>
    /// <param name="textTokens">Text tokens wanted, begin-of-sequence included.</param>
    public static BenchPrompt Create(ILanguageModel language, int textTokens)
    {
        int frame = Count(language, Before, special: true) + Count(language, After, special: true) + (language.Info.AddBos ? 1 : 0);
        (int length, int count) best = (0, frame);
        for (int length = 1; length <= Material.Length; length++)
        {
            int count = frame + Count(language, Material[..length], special: false);
            if (Math.Abs(count - textTokens) < Math.Abs(best.count - textTokens)) best = (length, count);
            if (count > textTokens + 8) break;
        }

        return new BenchPrompt(
            [PromptSegment.Marker(Before), PromptSegment.Image(0), PromptSegment.UserText(Material[..best.length]), PromptSegment.Marker(After)],
            best.count);
    }

    static int Count(ILanguageModel language, string text, bool special) => language.Tokenize(text, special).Length;
}
