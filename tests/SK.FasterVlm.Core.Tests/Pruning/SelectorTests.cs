using SK.FasterVlm.Pruning;

namespace SK.FasterVlm.Core.Tests.Pruning;

public class SelectorTests
{
    public static TheoryData<string> Names => [.. VisualTokenSelectors.Names];

    [Theory, MemberData(nameof(Names))]
    public void Every_selector_keeps_exactly_k_distinct_patches_in_raster_order(string name)
    {
        IVisualTokenSelector selector = VisualTokenSelectors.ByName(name);
        var random = new Random(17);
        for (int round = 0; round < 400; round++)
        {
            int width = random.Next(1, 30), height = random.Next(1, 30), patches = width * height;
            float[] attention = Attention(random, patches, distinct: random.Next(2) == 0);
            int k = random.Next(0, patches + 1), seed = random.Next(int.MinValue, int.MaxValue);
            int[] kept = selector.Select(new VisualTokenContext(attention, width, height, seed), k);

            Assert.Equal(k, kept.Length);
            for (int i = 0; i < k; i++)
            {
                Assert.InRange(kept[i], 0, patches - 1);
                if (i > 0) Assert.True(kept[i - 1] < kept[i], $"{name}: {kept[i - 1]} before {kept[i]}");
            }
            Assert.Equal(kept, selector.Select(new VisualTokenContext(attention, width, height, seed), k));
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void All_one_and_zero_tokens_work(string name)
    {
        IVisualTokenSelector selector = VisualTokenSelectors.ByName(name);
        float[] attention = Attention(new Random(3), 576, distinct: true);
        var context = new VisualTokenContext(attention, 24, 24, 7);
        Assert.Equal(Enumerable.Range(0, 576), selector.Select(context, 576));
        Assert.Single(selector.Select(context, 1));
        Assert.Empty(selector.Select(context, 0));
    }

    [Theory, MemberData(nameof(Names))]
    public void Budgets_and_grids_that_do_not_fit_are_refused(string name)
    {
        IVisualTokenSelector selector = VisualTokenSelectors.ByName(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => selector.Select(new VisualTokenContext(new float[4], 2, 2), 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => selector.Select(new VisualTokenContext(new float[4], 2, 2), -1));
        Assert.Throws<ArgumentException>(() => selector.Select(new VisualTokenContext(new float[5], 2, 2), 1));
        Assert.Throws<ArgumentException>(() => selector.Select(new VisualTokenContext([], 0, 0), 0));
    }

    [Fact]
    public void Names_are_those_of_the_options_and_any_case_will_do()
    {
        Assert.Equal(["cls", "random", "uniform"], VisualTokenSelectors.Names);
        Assert.IsType<ClsAttentionSelector>(VisualTokenSelectors.ByName("CLS"));
        Assert.IsType<RandomSelector>(VisualTokenSelectors.ByName("random"));
        Assert.IsType<UniformSelector>(VisualTokenSelectors.ByName("uniform"));
    }

    [Fact]
    public void An_unknown_name_lists_the_names()
    {
        var error = Assert.Throws<ArgumentException>(() => VisualTokenSelectors.ByName("topk"));
        Assert.Contains("\"topk\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("cls, random, uniform", error.Message, StringComparison.Ordinal);
    }

    public class Cls
    {
        [Fact]
        public void Keeps_the_largest_in_raster_order_not_in_score_order() =>
            Assert.Equal([1, 3, 4], new ClsAttentionSelector().Select(new VisualTokenContext([0.1f, 0.3f, 0.2f, 0.9f, 0.5f, 0f], 3, 2), 3));

        [Fact]
        public void Ties_go_to_the_lower_index() =>
            Assert.Equal([0, 1, 5], new ClsAttentionSelector().Select(new VisualTokenContext([2, 2, 2, 1, 2, 4], 3, 2), 3));

        [Fact]
        public void No_dropped_patch_scores_higher_than_a_kept_one()
        {
            var random = new Random(23);
            for (int round = 0; round < 100; round++)
            {
                float[] attention = Attention(random, 144, distinct: round % 2 == 0);
                int k = random.Next(1, 144);
                int[] kept = new ClsAttentionSelector().Select(new VisualTokenContext(attention, 12, 12), k);
                float least = kept.Min(i => attention[i]);
                Assert.All(Enumerable.Range(0, 144).Except(kept), i => Assert.True(attention[i] <= least));
            }
        }

        [Fact]
        public void The_seed_does_not_matter()
        {
            float[] attention = Attention(new Random(1), 36, distinct: true);
            Assert.Equal(
                new ClsAttentionSelector().Select(new VisualTokenContext(attention, 6, 6, 1), 9),
                new ClsAttentionSelector().Select(new VisualTokenContext(attention, 6, 6, 2), 9));
        }
    }

    public class RandomDraw
    {
        [Fact]
        public void Other_seeds_give_other_sets()
        {
            float[] attention = new float[576];
            int[] first = new RandomSelector().Select(new VisualTokenContext(attention, 24, 24, 1), 58);
            Assert.NotEqual(first, new RandomSelector().Select(new VisualTokenContext(attention, 24, 24, 2), 58));
        }

        [Fact]
        public void Every_patch_is_as_likely_as_any_other()
        {
            int[] hits = new int[36];
            for (int seed = 0; seed < 8000; seed++)
                foreach (int i in new RandomSelector().Select(new VisualTokenContext(new float[36], 6, 6, seed), 9)) hits[i]++;
            Assert.All(hits, h => Assert.InRange(h, 1750, 2250)); // 2000 expected, six standard deviations are 232
        }
    }

    public class Uniform
    {
        [Fact]
        public void A_square_number_is_a_coarser_grid() =>
            Assert.Equal([7, 10, 25, 28], new UniformSelector().Select(new VisualTokenContext(new float[36], 6, 6), 4));

        [Fact]
        public void One_token_is_the_middle() =>
            Assert.Equal([12], new UniformSelector().Select(new VisualTokenContext(new float[25], 5, 5), 1));

        // An odd middle row or column falls to one side: at most half its 24 patches too many there.
        [Fact]
        public void Every_half_of_the_grid_gets_its_share()
        {
            for (int k = 1; k <= 576; k++)
            {
                int[] kept = new UniformSelector().Select(new VisualTokenContext(new float[576], 24, 24), k);
                const double slack = 12.5;
                Assert.InRange(kept.Count(i => i / 24 < 12), k / 2.0 - slack, k / 2.0 + slack);
                Assert.InRange(kept.Count(i => i % 24 < 12), k / 2.0 - slack, k / 2.0 + slack);
            }
        }

        [Theory]
        [InlineData(58)]
        [InlineData(29)]
        public void No_patch_is_far_from_a_kept_one(int k)
        {
            int[] kept = new UniformSelector().Select(new VisualTokenContext(new float[576], 24, 24), k);
            double spacing = Math.Sqrt(576.0 / k);
            for (int i = 0; i < 576; i++)
                Assert.True(kept.Min(j => Math.Max(Math.Abs(i / 24 - j / 24), Math.Abs(i % 24 - j % 24))) <= spacing);
        }
    }

    static float[] Attention(Random random, int patches, bool distinct) =>
        [.. Enumerable.Range(0, patches).Select(_ => distinct ? random.NextSingle() : random.Next(4) / 4f)];
}
