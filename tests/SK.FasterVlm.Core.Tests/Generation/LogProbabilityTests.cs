using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;
using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Core.Tests.Fakes;
using SK.FasterVlm.Generation;

namespace SK.FasterVlm.Core.Tests.Generation;

public sealed class LogProbabilityTests(TinyPair tiny) : IClassFixture<TinyPair>
{
    static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public void They_are_the_logarithm_of_the_softmax_and_the_alternatives_come_likeliest_first()
    {
        using ScriptedLanguageModel language = new("x");
        float[] logits = [0, MathF.Log(2), MathF.Log(4), float.NegativeInfinity, MathF.Log(1)];
        LogProbabilityRecord record = new(language, 3);
        record.Add(1, logits);
        TokenLogProbability token = Assert.Single(record.Take());
        Assert.Equal(Math.Log(2 / 8.0), token.Chosen.LogProbability, 5);
        Assert.Equal([2, 1, 0], token.Top.Select(static t => t.Token));
        Assert.Equal([0.5, 0.25, 0.125], token.Top.Select(static t => Math.Round(Math.Exp(t.LogProbability), 5)));
        Assert.Empty(record.Take());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(20)]
    public async Task Every_token_of_an_answer_has_one_and_greedy_takes_the_first(int top)
    {
        await using FasterVlmModel model = await tiny.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        ChatOptions options = new() { AdditionalProperties = new() { ["top_logprobs"] = top, ["logprobs"] = true } };
        ChatResponse whole = await client.GetResponseAsync("the dog", options, Test);
        IReadOnlyList<TokenLogProbability> tokens = (IReadOnlyList<TokenLogProbability>)whole.AdditionalProperties![FasterVlmChatClient.LogProbabilitiesKey]!;
        Assert.Equal(whole.Usage!.OutputTokenCount, tokens.Count);
        Assert.All(tokens, t =>
        {
            Assert.Equal(top, t.Top.Count);
            Assert.True(t.Chosen.LogProbability < 0);
            if (top > 0) Assert.Equal(t.Chosen.Token, t.Top[0].Token);
        });
        List<TokenLogProbability> streamed = [];
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("the dog", options, Test))
            streamed.AddRange((IReadOnlyList<TokenLogProbability>)update.AdditionalProperties![FasterVlmChatClient.LogProbabilitiesKey]!);
        Assert.Equal(tokens.Select(static t => t.Chosen.Token), streamed.Select(static t => t.Chosen.Token));
    }

    [Fact]
    public async Task They_are_taken_before_temperature_bias_and_grammar()
    {
        await using FasterVlmModel model = await tiny.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        GenerationRequest plain = client.CreateRequest([new(ChatRole.User, "the dog")]) with { TopLogProbabilities = 20, MaxOutputTokens = 1 };
        GenerationRequest bent = plain with
        {
            Sampling = new() { Temperature = 2, Seed = 3, Grammar = "root ::= \"a\"", LogitBias = new Dictionary<int, float> { [70] = 9 } },
        };
        TokenLogProbability first = (await model.Generator.CompleteAsync(plain, Test)).Tokens![0];
        TokenLogProbability second = (await model.Generator.CompleteAsync(bent, Test)).Tokens![0];
        Assert.Equal("a", second.Chosen.Text);
        Assert.Equal(first.Top.Select(static t => (t.Token, t.LogProbability)), second.Top.Select(static t => (t.Token, t.LogProbability)));
    }

    [Fact]
    public async Task A_bias_bans_or_forces_a_token()
    {
        await using FasterVlmModel model = await tiny.LoadAsync();
        using FasterVlmChatClient client = model.CreateChatClient();
        async Task<int> First(object? bias)
        {
            ChatOptions options = new() { MaxOutputTokens = 1, AdditionalProperties = new() { ["logprobs"] = true, ["logit_bias"] = bias } };
            ChatResponse response = await client.GetResponseAsync("the dog", options, Test);
            return ((IReadOnlyList<TokenLogProbability>)response.AdditionalProperties![FasterVlmChatClient.LogProbabilitiesKey]!)[0].Chosen.Token;
        }
        int greedy = await First(null);
        using JsonDocument ban = JsonDocument.Parse($$"""{"{{greedy}}": -100}""");
        Assert.NotEqual(greedy, await First(ban.RootElement));
        Assert.Equal(77, await First(new Dictionary<int, float> { [77] = 100 }));
        Assert.Equal(77, await First(new Dictionary<string, object?> { ["77"] = "100" }));
        foreach (Dictionary<int, float> bad in new Dictionary<int, float>[] { new() { [1_000_000] = 1 }, new() { [-1] = 1 }, new() { [5] = 101 }, new() { [5] = float.NaN } })
            await Assert.ThrowsAnyAsync<ArgumentException>(() => First(bad));
    }

    [Fact]
    public async Task More_alternatives_than_twenty_are_refused()
    {
        await using FakeModel fake = new();
        using FasterVlmChatClient client = fake.Model.CreateChatClient();
        GenerationRequest request = client.CreateRequest([new(ChatRole.User, "q")]);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => fake.Model.Generator.CompleteAsync(request with { TopLogProbabilities = 21 }, Test));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => fake.Model.Generator.CompleteAsync(request with { TopLogProbabilities = -1 }, Test));
    }
}
