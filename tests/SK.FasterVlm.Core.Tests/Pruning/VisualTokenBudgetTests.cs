using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Pruning;

public class VisualTokenBudgetTests
{
    // The authors' counts for 25, 50, 75, 90 and 95 % reduction of the 576 patches of LLaVA-1.5.
    [Theory]
    [InlineData(1, 576)]
    [InlineData(0.75, 432)]
    [InlineData(0.5, 288)]
    [InlineData(0.25, 144)]
    [InlineData(0.1, 58)]
    [InlineData(0.05, 29)]
    [InlineData(0, 0)]
    public void Keep_gives_the_counts_of_the_paper(double ratio, int expected) =>
        Assert.Equal(expected, VisualTokenBudget.Keep(ratio).Resolve(new float[576]));

    [Theory]
    [InlineData(0.07, 100, 7)] // 0.07 * 100 is 7.000000000000001 in doubles
    [InlineData(0.1, 30, 3)]
    [InlineData(0.55, 100, 55)] // 55.00000000000001
    [InlineData(1e-12, 576, 1)]
    [InlineData(0.5, 0, 0)]
    public void Keep_rounds_up_but_not_by_rounding_errors(double ratio, int patches, int expected) =>
        Assert.Equal(expected, VisualTokenBudget.Keep(ratio).Resolve(new float[patches]));

    [Fact]
    public void Keep_is_the_exact_ceiling_for_every_whole_number_of_tokens()
    {
        for (int patches = 1; patches <= 1000; patches += 13)
            for (int k = 0; k <= patches; k++)
                Assert.Equal(k, VisualTokenBudget.Keep((double)k / patches).Resolve(new float[patches]));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(58, 58)]
    [InlineData(576, 576)]
    [InlineData(10_000, 576)]
    public void Count_is_capped_at_the_patches(int tokens, int expected) =>
        Assert.Equal(expected, VisualTokenBudget.Count(tokens).Resolve(new float[576]));

    [Fact]
    public void All_keeps_everything() => Assert.Equal(576, VisualTokenBudget.All.Resolve(new float[576]));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.39, 1)]
    [InlineData(0.4, 1)]
    [InlineData(0.41, 2)]
    [InlineData(0.7, 2)]
    [InlineData(0.95, 4)]
    [InlineData(1, 5)]
    public void Mass_is_the_smallest_set_that_holds_the_share(double share, int expected) =>
        Assert.Equal(expected, VisualTokenBudget.Mass(share).Resolve([2f, 4f, 1f, 3f, 0f]));

    [Fact]
    public void Mass_of_uniform_attention_is_a_ratio()
    {
        float[] uniform = new float[576];
        Array.Fill(uniform, 1f / 577);
        Assert.Equal(288, VisualTokenBudget.Mass(0.5).Resolve(uniform));
        Assert.Equal(58, VisualTokenBudget.Mass(0.1).Resolve(uniform));
    }

    [Fact]
    public void Mass_holds_the_share_and_one_less_does_not()
    {
        var random = new Random(5);
        for (int round = 0; round < 200; round++)
        {
            float[] attention = [.. Enumerable.Range(0, random.Next(1, 700)).Select(_ => (float)Math.Exp(4 * random.NextDouble()))];
            double share = random.NextDouble();
            int kept = VisualTokenBudget.Mass(share).Resolve(attention);
            double[] sorted = [.. attention.Select(static a => (double)a).OrderDescending()];
            Assert.True(sorted[..kept].Sum() >= share * sorted.Sum() * (1 - 1e-9));
            if (kept > 0) Assert.True(sorted[..(kept - 1)].Sum() < share * sorted.Sum());
        }
    }

    [Theory]
    [InlineData(-0.01)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Shares_outside_0_to_1_are_refused(double value)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => VisualTokenBudget.Keep(value));
        Assert.Throws<ArgumentOutOfRangeException>(() => VisualTokenBudget.Mass(value));
    }

    [Fact]
    public void Negative_counts_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => VisualTokenBudget.Count(-1));

    [Fact]
    public void Budgets_read_well()
    {
        Assert.Equal("keep 10 %", VisualTokenBudget.Keep(0.1).ToString());
        Assert.Equal("keep 12.5 %", VisualTokenBudget.Keep(0.125).ToString());
        Assert.Equal("58 tokens", VisualTokenBudget.Count(58).ToString());
        Assert.Equal("80 % of attention", VisualTokenBudget.Mass(0.8).ToString());
    }
}
