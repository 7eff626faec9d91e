using SK.FasterVlm.Chat;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>
/// A question in LLaVA-1.5's form (<c>USER: image question ASSISTANT:</c>) with a fixed number of text tokens, so that runs on
/// different models and vocabularies compare: the wording is cut or stretched until the count fits, which speed does not feel.
/// </summary>
internal sealed record BenchPrompt(IReadOnlyList<PromptSegment> Segments, int TextTokens)
{
    const string Before = "USER: ";
    const string Question =
        "\nDescribe the picture in one sentence: which things are in it, where are they, what colours do they have";
    const string After = " ASSISTANT:";

    // Longer than any question needs to be.
    static readonly string Material = Question + string.Concat(Enumerable.Repeat(" and then what comes", 64));

    /// <summary>Builds the prompt.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="textTokens">Text tokens wanted, begin-of-sequence included.</param>
    public static BenchPrompt Create(PromptTokenizer tokenizer, int textTokens)
    {
        BenchPrompt best = WithQuestion(tokenizer, "");
        for (int length = 1; length <= Material.Length && best.TextTokens != textTokens; length++)
        {
            BenchPrompt candidate = WithQuestion(tokenizer, Material[..length]);
            if (Math.Abs(candidate.TextTokens - textTokens) < Math.Abs(best.TextTokens - textTokens)) best = candidate;
        }

        return best;
    }

    static BenchPrompt WithQuestion(PromptTokenizer tokenizer, string question)
    {
        PromptSegment[] segments =
            [PromptSegment.Marker(Before), PromptSegment.Image(0), PromptSegment.UserText(question), PromptSegment.Marker(After)];
        return new BenchPrompt(segments, tokenizer.Tokenize(segments).Sum(static part => part.Tokens.Length));
    }
}
