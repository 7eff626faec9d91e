using System.Threading.Channels;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>Takes the tokens of one answer, passes its text on, and knows when it is over.</summary>
sealed class AnswerStream(ILanguageModel language, GenerationRequest request, int promptLength, ChannelWriter<GenerationUpdate> updates)
{
    readonly AnswerText _text = new(language, request.Stop, request.TrimStart);
    readonly LogProbabilityRecord? _log = request.TopLogProbabilities is { } top ? new(language, top) : null;

    /// <summary>Tokens so far, the end-of-turn token excluded.</summary>
    public int Count { get; private set; }

    /// <summary>Why it ended; null while it goes on.</summary>
    public GenerationEnd? End { get; private set; }

    /// <summary>Takes a token that was drawn.</summary>
    /// <param name="token">Its id.</param>
    /// <param name="sequence">The sequence, whose logits are still those it was drawn from.</param>
    /// <returns>Whether the answer goes on.</returns>
    public bool Take(int token, int sequence)
    {
        if (language.IsEndOfGeneration(token))
        {
            End = GenerationEnd.Stop;
            return false;
        }
        Count++;
        _log?.Add(token, language.GetLogits(sequence));
        string piece = _text.Push(token);
        if (piece.Length > 0) updates.TryWrite(new GenerationUpdate(piece) { Tokens = _log?.Take() });
        if (_text.Stopped) End = GenerationEnd.Stop;
        else if (Count == request.MaxOutputTokens || promptLength + Count > language.ContextLength) End = GenerationEnd.Length;
        return End is null;
    }

    /// <summary>Passes on what was held back, and the statistics.</summary>
    public void Finish(GenerationStatistics statistics) => updates.TryWrite(new GenerationUpdate(_text.Finish(), End, statistics) { Tokens = _log?.Take() });
}
