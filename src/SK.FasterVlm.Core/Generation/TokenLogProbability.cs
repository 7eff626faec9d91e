using System.Buffers;
using System.Numerics.Tensors;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Generation;

/// <summary>How likely the model found a token, among all tokens of its vocabulary.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Bytes">Its UTF-8 bytes, possibly part of a character; empty for special tokens.</param>
/// <param name="LogProbability">
/// Natural logarithm of its probability: log-softmax of the model's logits, before temperature, penalties, bias, filters and grammar.
/// </param>
public readonly record struct TokenCandidate(int Token, ReadOnlyMemory<byte> Bytes, float LogProbability)
{
    /// <summary>The bytes as text; what is no whole character becomes U+FFFD.</summary>
    public string Text => Encoding.UTF8.GetString(Bytes.Span);
}

/// <summary>A generated token.</summary>
/// <param name="Chosen">The token that was drawn.</param>
/// <param name="Top">The likeliest tokens, likeliest first; as many as were asked for. May or may not hold the chosen one.</param>
public readonly record struct TokenLogProbability(TokenCandidate Chosen, IReadOnlyList<TokenCandidate> Top);

/// <summary>Collects the log-probabilities of an answer's tokens until they are sent along with its text.</summary>
/// <param name="language">Whose logits are read.</param>
/// <param name="top">Alternatives to record, 0 to 20.</param>
sealed class LogProbabilityRecord(ILanguageModel language, int top)
{
    /// <summary>Most alternatives a request can ask for.</summary>
    internal const int MostAlternatives = 20;

    readonly ArrayBufferWriter<byte> _piece = new(16);
    List<TokenLogProbability> _tokens = [];

    /// <summary>Records a token drawn from these logits.</summary>
    public void Add(int token, ReadOnlySpan<float> logits)
    {
        float max = TensorPrimitives.Max(logits);
        double sum = 0;
        foreach (float logit in logits) sum += Math.Exp(logit - max);
        float logSum = max + (float)Math.Log(sum);

        Span<int> best = stackalloc int[MostAlternatives];
        int count = 0;
        for (int i = 0; i < logits.Length && top > 0; i++)
        {
            if (count == top && logits[i] <= logits[best[count - 1]]) continue;
            int at = count < top ? count++ : count - 1;
            for (; at > 0 && logits[best[at - 1]] < logits[i]; at--) best[at] = best[at - 1];
            best[at] = i;
        }
        TokenCandidate[] alternatives = new TokenCandidate[count];
        for (int i = 0; i < count; i++) alternatives[i] = Candidate(best[i], logits[best[i]] - logSum);
        _tokens.Add(new TokenLogProbability(Candidate(token, logits[token] - logSum), alternatives));
    }

    /// <summary>Takes what has been recorded since the last call.</summary>
    public IReadOnlyList<TokenLogProbability> Take()
    {
        List<TokenLogProbability> tokens = _tokens;
        _tokens = [];
        return tokens;
    }

    TokenCandidate Candidate(int token, float logProbability)
    {
        _piece.ResetWrittenCount();
        language.AppendPiece(token, _piece);
        return new TokenCandidate(token, _piece.WrittenSpan.ToArray(), logProbability);
    }
}
