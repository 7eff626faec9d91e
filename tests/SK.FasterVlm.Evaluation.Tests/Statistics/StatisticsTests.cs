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
