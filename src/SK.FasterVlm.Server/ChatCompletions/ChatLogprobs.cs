using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>How likely the tokens of a choice were, as the protocol has it.</summary>
sealed record ChatLogprobs(IReadOnlyList<ChatTokenLogprob> Content, IReadOnlyList<ChatTokenLogprob>? Refusal)
{
    /// <summary>From the additional properties of an answer; null when none were asked for.</summary>
    public static ChatLogprobs? Of(AdditionalPropertiesDictionary? properties) => Of(Tokens(properties));

    /// <summary>From the engine's tokens; null when there are none.</summary>
    public static ChatLogprobs? Of(IReadOnlyList<TokenLogProbability>? tokens) =>
        tokens is null ? null : new ChatLogprobs([.. tokens.Select(static t => ChatTokenLogprob.Of(t))], null);

    /// <summary>The tokens an answer, or a piece of one, carries.</summary>
    public static IReadOnlyList<TokenLogProbability>? Tokens(AdditionalPropertiesDictionary? properties) =>
        properties?.GetValueOrDefault(FasterVlmChatClient.LogProbabilitiesKey) as IReadOnlyList<TokenLogProbability>;
}

sealed record ChatTokenLogprob(string Token, double Logprob, IReadOnlyList<int> Bytes, IReadOnlyList<ChatTopLogprob> TopLogprobs)
{
    public static ChatTokenLogprob Of(TokenLogProbability token) => new(
        token.Chosen.Text, ChatTopLogprob.Finite(token.Chosen.LogProbability), ChatTopLogprob.ToInts(token.Chosen.Bytes),
        [.. token.Top.Select(static c => new ChatTopLogprob(c.Text, ChatTopLogprob.Finite(c.LogProbability), ChatTopLogprob.ToInts(c.Bytes)))]);
}

sealed record ChatTopLogprob(string Token, double Logprob, IReadOnlyList<int> Bytes)
{
    /// <summary>JSON has no infinity; OpenAI writes -9999 for what cannot be.</summary>
    public static double Finite(float logprob) => Math.Max(logprob, -9999.0);

    public static int[] ToInts(ReadOnlyMemory<byte> bytes) => [.. bytes.ToArray().Select(static b => (int)b)];
}
