using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;
using SK.FasterVlm.Language;
using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Requests for <see cref="ServeBench"/>: greedy, a tenth of the visual tokens, and of the length asked for whatever the model would like to say.</summary>
internal sealed class ServePrompts(FasterVlmModel model, int textTokens)
{
    readonly BenchPrompt _question = BenchPrompt.Create(model.Generator.Tokenizer, textTokens);

    /// <summary>A question about an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="opening">First words of the prompt: other ones share no prefix.</param>
    /// <param name="ask">First words behind the image.</param>
    /// <param name="outputTokens">Tokens of the answer.</param>
    public GenerationRequest About(byte[] image, string opening, string ask, int outputTokens)
    {
        PromptSegment[] segments =
        [
            PromptSegment.UserText(opening), .. _question.Segments.Take(2), PromptSegment.UserText(ask), .. _question.Segments.Skip(2),
        ];
        return Request(segments, outputTokens) with { Images = [ImageInput.FromBytes(image)] };
    }

    /// <summary>A prompt of text alone with this many tokens, as nearly as its words allow.</summary>
    public GenerationRequest Text(string opening, int tokens)
    {
        string text = opening;
        while (Count(text + " and") <= tokens) text += " and";
        while (Count(text + ".") <= tokens) text += ".";
        return Request([PromptSegment.UserText(text)], 1);
    }

    int Count(string text) => model.Generator.Tokenizer.Tokenize([PromptSegment.UserText(text)]).Sum(static part => part.Tokens.Length);

    GenerationRequest Request(IReadOnlyList<PromptSegment> segments, int outputTokens) => new()
    {
        Prompt = segments,
        MaxOutputTokens = outputTokens,
        Selector = model.Selector,
        Budget = VisualTokenBudget.Keep(0.1),
        Sampling = new SamplingSettings
        {
            LogitBias = model.Language.Info.EosToken >= 0 ? new Dictionary<int, float> { [model.Language.Info.EosToken] = -100 } : null,
        },
    };
}
