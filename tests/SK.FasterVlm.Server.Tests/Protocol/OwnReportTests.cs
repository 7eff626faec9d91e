using System.Text.Json.Nodes;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Protocol;

/// <summary>What <c>fastervlm.statistics</c> of an answer says of its images.</summary>
public sealed class OwnReportTests(TiledServer tiled) : IClassFixture<TiledServer>
{
    const string Question = "What is in the picture?";

    /// <summary>640 x 480 pixels.</summary>
    static string Picture(int number) => $"data:image/jpeg;base64,{Convert.ToBase64String(EmbeddedServer.Picture(number))}";

    static readonly object Own = new { keep_ratio = 0.25, statistics = true };

    async Task<JsonNode> ChatAsync(int picture) => (await tiled.Server.ChatAsync(new
    {
        model = "tiny-llava",
        messages = new[] { new { role = "user", content = new object[] { new { type = "image_url", image_url = new { url = Picture(picture) } }, new { type = "text", text = Question } } } },
        max_tokens = 2,
        fastervlm = Own,
    })).Json["fastervlm"]!;

    async Task<JsonNode> RespondAsync(int picture) => (await tiled.Server.PostAsync("/v1/responses", new
    {
        model = "tiny-llava",
        input = new[] { new { role = "user", content = new object[] { new { type = "input_image", image_url = Picture(picture) }, new { type = "input_text", text = Question } } } },
        max_output_tokens = 2,
        fastervlm = Own,
    })).Json["fastervlm"]!;

    [Fact]
    public async Task An_image_that_was_encoded_before_says_so_beside_its_visual_tokens()
    {
        string url = $"data:image/jpeg;base64,{Convert.ToBase64String([.. EmbeddedServer.Picture(5), 1, 2, 3])}"; // nobody else's
        object[] messages = [new { role = "user", content = new object[] { new { type = "image_url", image_url = new { url } }, new { type = "text", text = Question } } }];
        for (int hits = 0; hits < 2; hits++)
        {
            JsonNode own = (await tiled.Server.ChatAsync(new { model = "tiny-llava", messages, max_tokens = 2 })).Json["fastervlm"]!;
            Assert.Equal(hits, (int)own["image_cache_hits"]!);
            Assert.True((int)own["visual_tokens"]!["total"]! > 0);
        }
        Reply stream = await tiled.Server.ChatAsync(new { model = "tiny-llava", messages, max_tokens = 2, stream = true });
        JsonNode[] reports = [.. stream.Events[..^1].Select(static e => JsonNode.Parse(e)!["fastervlm"]).OfType<JsonNode>()];
        Assert.Equal(1, (int)Assert.Single(reports)["image_cache_hits"]!);
        Reply response = await tiled.Server.PostAsync("/v1/responses", new
        {
            model = "tiny-llava",
            input = new[] { new { role = "user", content = new object[] { new { type = "input_image", image_url = url }, new { type = "input_text", text = Question } } } },
            max_output_tokens = 2,
        });
        Assert.Equal(1, (int)response.Json["fastervlm"]!["image_cache_hits"]!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_view_says_what_it_shows_and_what_was_kept_of_it(bool responses)
    {
        JsonNode own = responses ? await RespondAsync(3) : await ChatAsync(3);
        JsonNode image = own["statistics"]!["images"]![0]!;
        int side = (int)image["grid_side"]!;
        ViewPlan plan = TiledServer.Plan(viewSize: side);
        Assert.Equal((640, 480), ((int)image["width"]!, (int)image["height"]!));
        JsonArray views = image["views"]!.AsArray(), kept = image["kept"]!.AsArray();
        Assert.Equal((5, 5), (views.Count, kept.Count));
        for (int view = 0; view < 5; view++)
        {
            PixelRectangle shown = plan.ViewInPicture(view);
            Assert.Equal([shown.X, shown.Y, shown.Width, shown.Height], new[] { "x", "y", "width", "height" }.Select(n => (double)views[view]![n]!));
            int[] tokens = [.. kept[view]!.AsArray().Select(static t => (int)t!)];
            Assert.Equal(side * side / 4, tokens.Length);
            Assert.Equal(tokens.Order().Distinct(), tokens);
            Assert.InRange(tokens[^1], 0, side * side - 1);
        }
        Assert.Equal(kept.Sum(static k => k!.AsArray().Count), (int)own["visual_tokens"]!["kept"]!);
        Assert.Equal(5 * side * side, (int)own["visual_tokens"]!["total"]!);
    }

    [Fact]
    public async Task A_picture_that_was_seen_before_comes_from_the_cache_at_no_cost()
    {
        JsonNode first = (await ChatAsync(4))["statistics"]!["images"]![0]!, second = (await RespondAsync(4))["statistics"]!["images"]![0]!;
        Assert.False((bool)first["from_cache"]!);
        Assert.True((bool)second["from_cache"]!);
        Assert.True((double)first["timings_ms"]!["encode"]! > 0);
        Assert.All(second["timings_ms"]!.AsObject(), static t => Assert.Equal(0, (double)t.Value!));
        Assert.Equal(first["kept"]!.ToJsonString(), second["kept"]!.ToJsonString());
        Assert.Equal(first["views"]!.ToJsonString(), second["views"]!.ToJsonString());
    }
}
