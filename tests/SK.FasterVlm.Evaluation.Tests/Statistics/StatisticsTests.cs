using SK.FasterVlm.Evaluation.Scoring;
using SK.FasterVlm.Evaluation.Statistics;

namespace SK.FasterVlm.Evaluation.Tests.Statistics;

public sealed class StatisticsTests
{
    [Theory]
    // By hand, z = 1.959964: 81 of 263 is Newcombe's example (1998, Statistics in Medicine 17, 857): 0.2553 to 0.3662.
    [InlineData(81, 263, 25.53, 36.62)]
    [InlineData(15, 148, 6.24, 16.05)]
    [InlineData(0, 20, 0, 16.11)]
    [InlineData(1, 29, 0.61, 17.18)]
    [InlineData(10, 10, 72.25, 100)]
    public void Wilson_PublishedExamples_Match(int right, int total, double low, double high)
    {
        ConfidenceInterval interval = ConfidenceInterval.Wilson(right, total);
        Assert.Equal(low, interval.Low, 2);
        Assert.Equal(high, interval.High, 2);
    }

    [Fact]
    public void Wilson_NoAnswers_IsEverything() => Assert.Equal((0, 100), (ConfidenceInterval.Wilson(0, 0).Low, ConfidenceInterval.Wilson(0, 0).High));

    [Fact]
    public void Interval_SameSeed_SameEnds()
    {
        Assert.Equal(Bootstrap.Interval(Mean, 50, seed: 3), Bootstrap.Interval(Mean, 50, seed: 3));
        Assert.NotEqual(Bootstrap.Interval(Mean, 50, seed: 3), Bootstrap.Interval(Mean, 50, seed: 4));

        static double Mean(ReadOnlySpan<int> weights)
        {
            double sum = 0;
            for (int i = 0; i < weights.Length; i++) sum += weights[i] * Math.Sqrt(i);
            return sum / weights.Length;
        }
    }

    [Fact]
    public void Interval_IndependentQuestions_AgreesWithTheNormalOne()
    {
        // 400 questions, half right: 50 +- 1.96 * 100 * sqrt(.25 / 400) = 45.1 to 54.9.
        ConfidenceInterval interval = Bootstrap.Interval(Half(400), 400, resamples: 4000);
        Assert.InRange(interval.Low, 44.4, 45.8);
        Assert.InRange(interval.High, 54.2, 55.6);
    }

    [Fact]
    public void MeanCredit_QuestionsOfOneImage_StandAndFallTogether()
    {
        // 400 half credits: each about an image of its own, or ten about one. Then there are only 40 draws, and the interval is sqrt(10)
        // times as wide.
        ConfidenceInterval alone = Score(1), together = Score(10);
        Assert.InRange((together.High - together.Low) / (alone.High - alone.Low), 2.6, 3.8);

        static ConfidenceInterval Score(int perImage)
        {
            AnswerSheet none = AnswerSheet.Join([], new([], []), static t => t);
            Credit[] credits = [.. Enumerable.Range(0, 400).Select(i => new Credit($"{i / perImage}", "", i / perImage % 2 == 0 ? 0.3 : 0.9))];
            return ScoreBuilder.MeanCredit("b", "m", none, credits).Interval;
        }
    }

    [Fact]
    public void ByCategory_QuestionsOfOneImage_StandAndFallTogether()
    {
        // 400 answers of a category, right or wrong together in tens: Wilson's interval over answers would be about 10 wide.
        Credit[] credits = [.. Enumerable.Range(0, 400).Select(static i => new Credit($"{i / 10}", "x", i / 10 % 2)), new("other", "y", 1), new("other", "y", 1)];
        IReadOnlyList<Measure> measures = ScoreBuilder.ByCategory(credits);

        ConfidenceInterval together = measures[0].Interval!.Value;
        Assert.Equal("bootstrap over images", together.Method);
        Assert.InRange(together.High - together.Low, 25, 37);
        // All right: as many as there are images, one.
        Assert.Equal(ConfidenceInterval.Wilson(1, 1), measures[1].Interval);
        Assert.Equal("Wilson", ScoreBuilder.ByCategory([new("a", "x", 1), new("b", "x", 0), new("b", "y", 1)])[0].Interval!.Value.Method);
    }

    [Fact]
    public void Interval_Resamples_ThatGiveNoNumberAreLeftOut()
    {
        // The second image alone makes the number; a resample without it has none.
        WeightedMetric metric = static weights => weights[1] == 0 ? double.NaN : 7;
        ConfidenceInterval some = Bootstrap.Interval(metric, 2), none = Bootstrap.Interval(static _ => double.PositiveInfinity, 2);

        Assert.Equal((7.0, 7.0), (some.Low, some.High));
        Assert.True(double.IsNaN(none.Low) && double.IsNaN(none.High));
    }

    [Fact]
    public void Interval_Strata_KeepTheirSizes()
    {
        // Three images of one part, one of another: in every draw the first part has three, the second one.
        ConfidenceInterval interval = Bootstrap.Interval(static weights => 10 * (weights[0] + weights[1] + weights[3]) + weights[2], 4, [0, 0, 1, 0]);

        Assert.Equal((31.0, 31.0), (interval.Low, interval.High));
    }

    [Fact]
    public void Aggregates_TwoWays_Differ()
    {
        // 50/100 and 300/400: ratios 0.5 and 0.75, means 175/250. MME counts a twentieth: 50 of 100 and 15 of 20.
        Dictionary<string, double> full = new() { ["a"] = 100, ["b"] = 400 }, pruned = new() { ["a"] = 50, ["b"] = 300 };
        Assert.Equal(62.5, Aggregates.MeanOfRatios(full, pruned), 9);
        Assert.Equal(70, Aggregates.RatioOfMeans(full, pruned), 9);
        Assert.Equal(100 * 65.0 / 120, Aggregates.RatioOfMeans(
            new Dictionary<string, double> { ["a"] = 100, ["mme"] = 400 }, new Dictionary<string, double> { ["a"] = 50, ["mme"] = 300 }), 9);
    }

    [Fact]
    public void Blind_CommonestAnswerOfAForm_IsCounted()
    {
        // Names of things are left open, so that three of four questions "Is there a *?" are answered by yes; both sides of the other form tie.
        (string, string[], string, string)[] questions =
        [
            .. new[] { "yes", "yes", "yes", "no" }.SelectMany((label, i) => Enumerable.Range(0, 5).Select(j => ("p", new[] { "p", "all" }, $"Is there a thing{i}{j}?", label))),
            ("q", ["q", "all"], "Left or right?", "left"), ("q", ["q", "all"], "Left or right?", "right"),
        ];
        Dictionary<string, double> blind = BlindBaseline.Compute(questions);

        Assert.Equal((75.0, 50.0), (blind["p"], blind["q"]));
        Assert.Equal(100 * 16 / 22.0, blind["all"], 9);
    }

    [Fact]
    public void Difference_EqualScores_IsZeroEvenWhenBothVary()
    {
        var score = new BenchmarkScore { Benchmark = "b", Metric = "m", Value = 50, Interval = default, Questions = 40, Answered = 40, Weighted = Half(40), Images = [.. Enumerable.Range(0, 40).Select(static i => $"{i}")] };
        Assert.Equal((0, 0), (Bootstrap.Difference(score, score).Low, Bootstrap.Difference(score, score).High));
        Assert.Throws<ArgumentException>(() => Bootstrap.Difference(score, score with { Images = ["0"] }));
    }

    [Fact]
    public void Quantile_BetweenValues_Interpolates() => Assert.Equal(1.5, Bootstrap.Quantile([1, 2, 3], 0.25), 12);

    static WeightedMetric Half(int count) => weights =>
    {
        double sum = 0;
        for (int i = 0; i < count; i++) sum += weights[i] * (i % 2);
        return 100 * sum / count;
    };
}
