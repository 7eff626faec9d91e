using SK.FasterVlm.Core.Tests.Imaging;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Vision;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>The order of visual tokens over several views.</summary>
public class TokenSequenceTests
{
    const int N = TokenSequence.Newline;

    // Views of 2 x 2 tokens; the picture fills 2 x 2 tiles. Base 0-3, tiles 4-7, 8-11, 12-15, 16-19.
    static readonly ViewPlan s_square = ViewPlan.For(672, 672, 336, ViewPlanTests.Pinpoints, ImageViews.Auto);

    static int[][] All(ViewPlan plan, int perView) => [.. Enumerable.Range(0, plan.ViewCount).Select(_ => Enumerable.Range(0, perView).ToArray())];

    [Fact]
    public void Base_first_then_rows_across_the_tiles()
    {
        int[] expected = [0, 1, 2, 3, 4, 5, 8, 9, 6, 7, 10, 11, 12, 13, 16, 17, 14, 15, 18, 19];
        Assert.Equal(expected, TokenSequence.Build(s_square, 2, All(s_square, 4), ViewSettings.Default));
    }

    [Fact]
    public void Tile_by_tile() => Assert.Equal(
        Enumerable.Range(0, 20), TokenSequence.Build(s_square, 2, All(s_square, 4), new() { Order = ViewOrder.Tiles }));

    [Fact]
    public void Kept_tokens_keep_their_places()
    {
        int[][] kept = [[1, 3], [0], [2, 3], [], [0, 1, 2, 3]];
        Assert.Equal([1, 3, 4, 10, 11, 16, 17, 18, 19], TokenSequence.Build(s_square, 2, kept, ViewSettings.Default));
        Assert.Equal([1, 3, 4, 10, 11, 16, 17, 18, 19], TokenSequence.Build(s_square, 2, kept, new() { Order = ViewOrder.Tiles }));
        int[][] crossing = [[], [2], [0], [], []];
        Assert.Equal([8, 6], TokenSequence.Build(s_square, 2, crossing, ViewSettings.Default));
        Assert.Equal([6, 8], TokenSequence.Build(s_square, 2, crossing, new() { Order = ViewOrder.Tiles }));
    }

    [Fact]
    public void Every_row_ends_with_a_newline_even_an_empty_one()
    {
        ViewSettings unpad = new() { Merge = ViewMerge.SpatialUnpad };
        int[][] kept = [[0], [0, 3], [1], [], []];
        Assert.Equal([0, 4, 9, N, 7, N, N, N], TokenSequence.Build(s_square, 2, kept, unpad));
    }

    [Fact]
    public void Padding_is_cut_away_after_pruning()
    {
        // 4 x 4 tokens, a picture of 1 to 2: one row above and one below are padding.
        ViewPlan plan = ViewPlan.For(400, 200, 336, [(672, 672)], ImageViews.Auto);
        ViewSettings unpad = new() { Merge = ViewMerge.SpatialUnpad };
        Assert.Equal(
            [0, 1, 2, 3, 6, 7, 10, 11, N, 12, 13, 16, 17, N], TokenSequence.Build(plan, 2, All(plan, 4), unpad));
        Assert.Equal(14, TokenSequence.FullLength(plan, 2, unpad));
        int[][] kept = [[3], [0, 2], [1], [2], [3]]; // tokens 4 and 9 lie above, 14 and 19 below
        Assert.Equal([3, 6, N, N], TokenSequence.Build(plan, 2, kept, unpad));
    }

    [Fact]
    public void One_view_is_its_tokens_and_with_newlines_one_of_them()
    {
        ViewPlan plan = ViewPlan.For(640, 480, 336, [], ImageViews.Auto);
        Assert.Equal([0, 2], TokenSequence.Build(plan, 2, [[0, 2]], ViewSettings.Default));
        Assert.Equal([0, 2, N], TokenSequence.Build(plan, 2, [[0, 2]], new() { Merge = ViewMerge.SpatialUnpad }));
    }

    // The counts of the paper's table for 2 x 2 tiles, and LLaVA-NeXT's own with newlines (4:3 pictures: 36 rows of 48 and a newline).
    [Fact]
    public void Full_lengths()
    {
        Assert.Equal(2880, TokenSequence.FullLength(s_square, 24, ViewSettings.Default));
        Assert.Equal(576 + 48 * 49, TokenSequence.FullLength(s_square, 24, new() { Merge = ViewMerge.SpatialUnpad }));
        ViewPlan photo = ViewPlan.For(640, 480, 336, ViewPlanTests.Pinpoints, ImageViews.Auto);
        Assert.Equal(576 + 36 * 49, TokenSequence.FullLength(photo, 24, new() { Merge = ViewMerge.SpatialUnpad }));
        ViewPlan single = ViewPlan.For(640, 480, 336, [], ImageViews.Auto);
        Assert.Equal(576, TokenSequence.FullLength(single, 24, ViewSettings.Default));
        Assert.Equal(577, TokenSequence.FullLength(single, 24, new() { Merge = ViewMerge.SpatialUnpad }));
    }

    [Fact]
    public void Five_hundred_random_sizes_equal_a_plain_implementation()
    {
        var random = new Random(77);
        for (int i = 0; i < 500; i++)
        {
            int width = (int)Math.Exp(random.NextDouble() * Math.Log(5000)), height = (int)Math.Exp(random.NextDouble() * Math.Log(5000));
            int side = random.Next(1, 8);
            ViewPlan plan = ViewPlan.For(width, height, 336, ViewPlanTests.Pinpoints, ImageViews.Auto);
            double share = random.NextDouble();
            int[][] kept = [.. All(plan, side * side).Select(view => view.Where(_ => random.NextDouble() < share).ToArray())];
            foreach (bool unpad in (bool[])[false, true])
            {
                ViewSettings settings = new() { Merge = unpad ? ViewMerge.SpatialUnpad : ViewMerge.Spatial };
                Assert.Equal(Plain(plan, side, kept, unpad), TokenSequence.Build(plan, side, kept, settings));
                Assert.Equal(Plain(plan, side, All(plan, side * side), unpad).Count, TokenSequence.FullLength(plan, side, settings));
            }
        }
    }

    // Tensors as in the original: [rows of tiles][columns of tiles][side][side] -> one grid of labels, cropped, with a column of
    // newlines, read row by row.
    static List<int> Plain(ViewPlan plan, int side, int[][] kept, bool unpad)
    {
        int height = plan.Rows * side, width = plan.Columns * side;
        int?[,] grid = new int?[height, width];
        for (int tile = 0; tile < plan.TileCount; tile++)
            foreach (int token in kept[tile + 1])
                grid[tile / plan.Columns * side + token / side, tile % plan.Columns * side + token % side] = (tile + 1) * side * side + token;
        int top = 0, left = 0;
        if (unpad)
        {
            // As unpad_image of LLaVA, on the grid's own size.
            if ((double)plan.ImageWidth / plan.ImageHeight > (double)width / height)
                top = (height - (int)(plan.ImageHeight * ((double)width / plan.ImageWidth))) / 2;
            else left = (width - (int)(plan.ImageWidth * ((double)height / plan.ImageHeight))) / 2;
        }
        List<int> sequence = [.. kept[0]];
        for (int y = top; y < height - top; y++)
        {
            for (int x = left; x < width - left; x++)
                if (grid[y, x] is { } label) sequence.Add(label);
            if (unpad) sequence.Add(N);
        }
        return sequence;
    }
}
