using System.Buffers;
using System.Text;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.LanguageConformance;

/// <summary>Drawing tokens: greedy, by seed, filtered, penalised, under a grammar.</summary>
public abstract class SamplingConformance<TFixture>(TFixture fixture) : IClassFixture<TFixture> where TFixture : LanguageModelFixture
{
    static List<int> Generate(ILanguageModel model, SamplingSettings settings, int count, bool untilEnd = false)
    {
        model.TrimSequence(0, 0);
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, 60)]);
        using ITokenSampler sampler = model.CreateSampler(settings);
        List<int> tokens = [];
        for (int i = 0; i < count; i++)
        {
            int token = sampler.Sample(0);
            if (untilEnd && model.IsEndOfGeneration(token)) break;
            tokens.Add(token);
            model.Evaluate(0, [Rows.Tokens(token)]);
        }
        return tokens;
    }

    [Fact]
    public void Greedy_TakesTheLargestLogit_AndRepeats()
    {
        using ILanguageModel model = fixture.Create();
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, 60)]);
        int best = Rows.ArgMax(model.GetLogits(0));
        List<int> first = Generate(model, SamplingSettings.Greedy, 30), second = Generate(model, SamplingSettings.Greedy, 30);
        Assert.Equal(best, first[0]);
        Assert.Equal(first, second);
    }

    [Fact]
    public void Greedy_WithBiases_TakesTheLargestBiasedLogit()
    {
        using ILanguageModel model = fixture.Create();
        model.Evaluate(0, [Rows.Tokens(1, 40, 50, 60)]);
        float[] logits = model.GetLogits(0).ToArray();
        int best = Rows.ArgMax(logits), other = best == 70 ? 71 : 70;
        float lead = logits[best] - logits[other];
        foreach ((int token, float bias) in new[] { (best, -0.5f * lead), (best, -100f), (best, 1f), (other, 0.5f * lead), (other, lead + 1), (other, -1f) })
        {
            float[] biased = [.. logits];
            biased[token] += bias;
            List<int> answer = Generate(model, new SamplingSettings { LogitBias = new Dictionary<int, float> { [token] = bias } }, 1);
            Assert.Equal(Rows.ArgMax(biased), Assert.Single(answer));
        }
    }

    [Fact]
    public void TopK1_EqualsGreedy()
    {
        using ILanguageModel model = fixture.Create();
        Assert.Equal(
            Generate(model, SamplingSettings.Greedy, 20),
            Generate(model, new SamplingSettings { Temperature = 1, TopK = 1, Seed = 7 }, 20));
    }

    [Fact]
    public void TinyTopP_EqualsGreedy_AndSoDoesMinP1()
    {
        using ILanguageModel model = fixture.Create();
        List<int> greedy = Generate(model, SamplingSettings.Greedy, 20);
        Assert.Equal(greedy, Generate(model, new SamplingSettings { Temperature = 1, TopP = 1e-6f }, 20));
        Assert.Equal(greedy, Generate(model, new SamplingSettings { Temperature = 1, MinP = 1 }, 20));
    }

    [Fact]
    public void Seed_DecidesTheDraws()
    {
        using ILanguageModel model = fixture.Create();
        var settings = new SamplingSettings { Temperature = 2, Seed = 1 };
        Assert.Equal(Generate(model, settings, 20), Generate(model, settings, 20));
        Assert.NotEqual(Generate(model, settings, 20), Generate(model, settings with { Seed = 2 }, 20));
    }

    [Fact]
    public void TheSeedTheLibraryTakesForChance_IsStillASeed()
    {
        using ILanguageModel model = fixture.Create();
        var settings = new SamplingSettings { Temperature = 2, Seed = uint.MaxValue };
        Assert.Equal(Generate(model, settings, 20), Generate(model, settings, 20));
    }

    [Fact]
    public void Penalties_ChangeTheAnswer()
    {
        using ILanguageModel model = fixture.Create();
        List<int> greedy = Generate(model, SamplingSettings.Greedy, 100);
        Assert.Contains(greedy.CountBy(t => t), c => c.Value > 1); // a random model falls into a loop
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { RepetitionPenalty = 5 }, 100));
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { FrequencyPenalty = 2 }, 100));
        Assert.NotEqual(greedy, Generate(model, SamplingSettings.Greedy with { PresencePenalty = 2 }, 100));
    }

    [Fact]
    public void Grammar_IsFollowed()
    {
        using ILanguageModel model = fixture.Create();
        List<int> tokens = Generate(model, SamplingSettings.Greedy with { Grammar = "root ::= \"yes\" | \"no\"" }, 20, untilEnd: true);
        ArrayBufferWriter<byte> text = new();
        foreach (int token in tokens) model.AppendPiece(token, text);
        Assert.Contains(Encoding.UTF8.GetString(text.WrittenSpan), (string[])["yes", "no"]);
    }

    [Fact]
    public void Grammar_AfterItsEnd_GivesEndTokens()
    {
        using ILanguageModel model = fixture.Create();
        List<int> tokens = Generate(model, new SamplingSettings { Temperature = 1, Grammar = "root ::= \"a\"" }, 5);
        Assert.True(model.IsEndOfGeneration(tokens[^1]));
    }

    [Theory]
    [MemberData(nameof(BadSettings.OutOfRange), MemberType = typeof(BadSettings))]
    public void SettingsOutOfRange_AreRefused(SamplingSettings settings)
    {
        using ILanguageModel model = fixture.Create();
        Assert.Throws<ArgumentOutOfRangeException>(() => model.CreateSampler(settings));
    }
}

/// <summary>Settings no implementation may take.</summary>
public static class BadSettings
{
    public static TheoryData<SamplingSettings> OutOfRange =>
    [
        new SamplingSettings { Temperature = -0.1f },
        new SamplingSettings { Temperature = 5.1f },
        new SamplingSettings { Temperature = float.NaN },
        new SamplingSettings { TopK = -1 },
        new SamplingSettings { TopP = 0 },
        new SamplingSettings { TopP = 1.1f },
        new SamplingSettings { TopP = float.NaN },
        new SamplingSettings { MinP = -0.1f },
        new SamplingSettings { MinP = 1.1f },
        new SamplingSettings { RepetitionPenalty = 0 },
        new SamplingSettings { RepetitionPenalty = 11 },
        new SamplingSettings { FrequencyPenalty = 2.1f },
        new SamplingSettings { PresencePenalty = float.NegativeInfinity },
    ];
}
