using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Native;
using SK.FasterVlm.Pruning;
using SK.FasterVlm.Vision;
using SkiaSharp;

namespace SK.FasterVlm.Core.Tests.Vision;

/// <summary>LLaVA-NeXT through the encoder: every view as the tower sees it alone, put together in the right order.</summary>
public sealed class ViewEncodingTests : IDisposable
{
    const int Size = 84, Tokens = 36, Side = 6;

    static readonly ClsAttentionSelector s_cls = new();

    readonly TinyTower _tiny = new(new() { VisionType = GgmlType.F32 }, model: ModelGeometry.TinyNext);
    readonly VisionEncoder _encoder;

    public ViewEncodingTests() => _encoder = Load();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    VisionEncoder Load(ViewSettings? views = null) => VisionEncoder.Load(
        _tiny.Path, new() { Threads = 1, TowerPrecision = TowerPrecision.F32, Views = views ?? ViewSettings.Default },
        NativeRuntime.Load(new NativeOptions()));

    [Fact]
    public void Info_tells_of_tiles()
    {
        Assert.Equal([(84, 168), (168, 84), (168, 168), (252, 84), (84, 252)], _encoder.Info.GridPinpoints);
        Assert.True(_encoder.Info.HasNewline);
        Assert.Equal(36, _encoder.Info.TokenCount);
    }

    // 252 x 84 are 3 x 1 tiles without a pixel of change: each tile, saved as a picture of its own, must give the same numbers.
    [Fact]
    public async Task Features_of_every_view_equal_the_single_view_towers()
    {
        byte[] picture = TinyPair.Picture(seed: 2, width: 3 * Size, height: Size);
        using EncodedImage whole = await _encoder.EncodeAsync(picture, Token);
        VisualTokens all = await _encoder.SelectAsync(whole, s_cls, VisualTokenBudget.All, cancellationToken: Token);
        Assert.Equal((3, 1, 4, 4 * Tokens), (whole.Plan.Columns, whole.Plan.Rows, whole.ClsAttention.Count, all.Count));

        ViewSettings alone = new() { Views = ImageViews.Base };
        for (int view = 0; view < 4; view++)
        {
            byte[] part = view == 0 ? picture : Cut(picture, (view - 1) * Size, 0);
            using EncodedImage single = await _encoder.EncodeAsync(part, alone, cancellationToken: Token);
            VisualTokens rows = await _encoder.SelectAsync(single, s_cls, VisualTokenBudget.All, cancellationToken: Token);
            Assert.InRange(Compare.Max(single.ClsAttention[0], whole.ClsAttention[view]), 0, 1e-6);
            for (int token = 0; token < Tokens; token++)
            {
                // The base comes first; then every row of the picture runs through all three tiles.
                int place = view == 0 ? token : Tokens + token / Side * 3 * Side + (view - 1) * Side + token % Side;
                Assert.InRange(Compare.Max(Row(rows, token), Row(all, place)), 0, 1e-5);
            }
        }
    }

    [Fact]
    public async Task Every_view_keeps_its_own_best()
    {
        using EncodedImage image = await _encoder.EncodeAsync(TinyPair.Picture(3, 168, 168), Token);
        VisualTokens kept = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.Count(5), cancellationToken: Token);
        Assert.Equal((25, 5 * Tokens), (kept.Count, kept.PatchCount));
        for (int view = 0; view < 5; view++)
        {
            float[] scores = image.ClsAttention[view];
            int[] best = [.. Enumerable.Range(0, Tokens).OrderByDescending(i => scores[i]).Take(5).Order()];
            Assert.Equal(best, kept.Kept[view]);
        }
    }

    [Fact]
    public async Task Kept_rows_are_rows_of_the_full_sequence_in_its_order()
    {
        foreach (string settings in (string[])["auto", "auto,tiles", "auto,spatial_unpad", "auto,across_views"])
        {
            using EncodedImage image = await _encoder.EncodeAsync(TinyPair.Picture(4, 150, 100), ViewSettings.Parse(settings), cancellationToken: Token);
            VisualTokens all = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.All, cancellationToken: Token);
            VisualTokens few = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.Keep(0.3), cancellationToken: Token);
            Assert.Equal(all.PatchCount, all.Count);
            Assert.Equal(all.Count, few.PatchCount);
            Assert.InRange(few.Count, 1, all.Count - 1);
            int at = 0;
            for (int i = 0; i < few.Count; i++, at++)
            {
                while (at < all.Count && Compare.Max(Row(all, at), Row(few, i)) > 1e-5) at++;
                Assert.True(at < all.Count, $"{settings}: row {i} is not in the full sequence after row {at}");
            }
        }
    }

    [Fact]
    public async Task Across_views_the_largest_of_all_scores_are_kept()
    {
        ViewSettings across = new() { Budget = ViewBudget.AcrossViews };
        using EncodedImage image = await _encoder.EncodeAsync(TinyPair.Picture(5, 168, 168), across, cancellationToken: Token);
        VisualTokens kept = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.Count(4), cancellationToken: Token);
        Assert.Equal(20, kept.Count); // as many as five views with four each
        float least = kept.Kept.SelectMany((view, i) => view.Select(t => image.ClsAttention[i][t])).Min();
        Assert.Equal(20, image.ClsAttention.Sum(view => view.Count(score => score >= least)));
        Assert.Contains(kept.Kept, static view => view.Length != 4); // else this picture tests nothing
    }

    [Fact]
    public async Task Newlines_are_the_files_own_and_end_every_row()
    {
        float[] newline = _tiny.Projector.ReadFloats(_tiny.Projector.GetTensor("model.image_newline"));
        ViewSettings unpad = new() { Merge = ViewMerge.SpatialUnpad };
        // 168 x 84 in 2 x 1 tiles: six rows of twelve tokens.
        using EncodedImage image = await _encoder.EncodeAsync(TinyPair.Picture(6, 168, 84), unpad, cancellationToken: Token);
        VisualTokens all = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.All, cancellationToken: Token);
        Assert.Equal((Tokens + 6 * 13, 6), (all.Count, all.Newlines));
        for (int row = 0; row < 6; row++) Assert.Equal(newline, Row(all, Tokens + row * 13 + 12));
        VisualTokens none = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.Count(0), cancellationToken: Token);
        Assert.Equal((6, 6), (none.Count, none.Newlines));
    }

    [Fact]
    public async Task Tokens_cut_away_with_the_padding_are_not_reported_as_kept()
    {
        ViewSettings unpad = new() { Views = ImageViews.Grid(1, 2), Merge = ViewMerge.SpatialUnpad };
        // A square in 1 x 2 tiles: rows 3 to 8 of 12 show it.
        using EncodedImage image = await _encoder.EncodeAsync(TinyPair.Picture(6, 90, 90), unpad, cancellationToken: Token);
        VisualTokens all = await _encoder.SelectAsync(image, s_cls, VisualTokenBudget.All, cancellationToken: Token);
        Assert.Equal([36, 18, 18], all.Kept.Select(static v => v.Length));
        Assert.Equal(Enumerable.Range(18, 18), all.Kept[1]);
        Assert.Equal(Enumerable.Range(0, 18), all.Kept[2]);
        Assert.Equal(36 + 6 * 7, all.Count);
    }

    [Fact]
    public async Task The_encoders_own_settings_are_the_default()
    {
        using VisionEncoder whole = Load(new() { Views = ImageViews.Base });
        using EncodedImage one = await whole.EncodeAsync(TinyPair.Picture(1, 168, 168), Token);
        Assert.Single(one.ClsAttention);
        using EncodedImage five = await whole.EncodeAsync(TinyPair.Picture(1, 168, 168), ViewSettings.Default, cancellationToken: Token);
        Assert.Equal(5, five.ClsAttention.Count);
    }

    [Fact]
    public async Task Views_are_reported_one_after_the_other_and_cancelled_between_two()
    {
        var all = new List<ViewProgress>();
        using (await _encoder.EncodeAsync(TinyPair.Picture(1, 168, 168), null, new Listener(all.Add), Token)) { }
        Assert.Equal([new(1, 5), new(2, 5), new(3, 5), new(4, 5), new(5, 5)], all);

        using var stop = new CancellationTokenSource();
        var some = new List<ViewProgress>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _encoder.EncodeAsync(TinyPair.Picture(1, 168, 168), null, new Listener(p =>
        {
            some.Add(p);
            if (p.View == 2) stop.Cancel();
        }), stop.Token));
        Assert.Equal([new(1, 5), new(2, 5)], some);
        using EncodedImage again = await _encoder.EncodeAsync(TinyPair.Picture(1, 168, 168), Token); // the slot is free
        Assert.Equal(5, again.ClsAttention.Count);
    }

    [Fact]
    public async Task What_the_file_lacks_cannot_be_asked_for()
    {
        using var plain = new TinyTower();
        using VisionEncoder encoder = VisionEncoder.Load(plain.Path, new() { Threads = 1 }, NativeRuntime.Load(new NativeOptions()));
        ViewSettings unpad = new() { Merge = ViewMerge.SpatialUnpad };
        var error = await Assert.ThrowsAsync<ModelFormatException>(() => encoder.EncodeAsync(TinyPair.Picture(), unpad, cancellationToken: Token));
        Assert.Throws<ModelFormatException>(() => VisionEncoder.Load(plain.Path, new() { Threads = 1, Views = unpad }, NativeRuntime.Load(new NativeOptions())));
        Assert.Contains("image_newline", error.Message, StringComparison.Ordinal);
        using EncodedImage grid = await encoder.EncodeAsync(TinyPair.Picture(), new ViewSettings { Views = ImageViews.Grid(2, 2) }, cancellationToken: Token);
        Assert.Equal(5, grid.ClsAttention.Count);
    }

    [Fact]
    public void The_paper_keeps_145_of_2880()
    {
        // The budget of LLaVA-NeXT's table, on grids of 24 x 24: 29 of every view.
        float[][] views = [.. Enumerable.Range(0, 5).Select(v => Enumerable.Range(0, 576).Select(i => (float)(i * 7 % 576)).ToArray())];
        foreach (ViewBudget scope in Enum.GetValues<ViewBudget>())
            Assert.Equal(145, ViewSelection.Choose(views, 24, s_cls, VisualTokenBudget.Keep(0.05), scope, 0).Sum(static v => v.Length));
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _tiny.Dispose();
    }

    static float[] Row(VisualTokens tokens, int row) => tokens.Embeddings.Slice(row * tokens.Width, tokens.Width).ToArray();

    static byte[] Cut(byte[] png, int left, int top)
    {
        using SKBitmap bitmap = SKBitmap.Decode(png);
        using SKBitmap part = new(Size, Size);
        for (int y = 0; y < Size; y++)
            for (int x = 0; x < Size; x++) part.SetPixel(x, y, bitmap.GetPixel(left + x, top + y));
        return part.Encode(SKEncodedImageFormat.Png, 100).ToArray();
    }

    sealed class Listener(Action<ViewProgress> listen) : IProgress<ViewProgress>
    {
        public void Report(ViewProgress value) => listen(value);
    }
}
