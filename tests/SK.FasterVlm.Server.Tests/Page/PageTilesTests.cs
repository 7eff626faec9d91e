using System.Text.Json.Nodes;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>The page over a model that also looks at tiles of the picture.</summary>
public sealed class PageTilesTests(TiledServer tiled) : IClassFixture<TiledServer>
{
    [Fact]
    public async Task The_overlay_switches_between_the_whole_picture_and_its_tiles()
    {
        const string Question = "What is in the picture?";
        string picture = Convert.ToBase64String(PageServer.Picture);
        JsonNode seen = await Chromium.PlayAsync("tiles", tiled.Server, new { picture, question = Question, keep = 10 });
        Assert.Empty(seen["problems"]!.AsArray());
        Assert.Equal("""["Whole picture","4 tiles"]""", seen["names"]!.ToJsonString());
        Assert.Equal("""["true","false"] ["false","true"] ["true","false"]""", $"{seen["first"]!.ToJsonString()} {seen["second"]!.ToJsonString()} {seen["third"]!.ToJsonString()}");

        Reply reply = await tiled.Server.ChatAsync(new
        {
            model = "tiny-llava",
            messages = new[] { new { role = "user", content = new object[] {
                new { type = "image_url", image_url = new { url = $"data:image/jpeg;base64,{picture}" } }, new { type = "text", text = Question } } } },
            fastervlm = new { keep_ratio = 0.1, statistics = true },
        });
        JsonNode image = reply.Json["fastervlm"]!["statistics"]!["images"]![0]!;
        Same(image, [0], seen["whole"]!);
        Same(image, [1, 2, 3, 4], seen["tiles"]!);
        Assert.Equal(seen["whole"]!.ToJsonString(), seen["again"]!.ToJsonString());
    }

    /// <summary>The patches shown are those the API says were kept of these views, each over what it shows of the picture.</summary>
    static void Same(JsonNode image, int[] views, JsonNode pane)
    {
        const double Tolerance = 0.004; // a little more than half a pixel of the screen
        int side = (int)image["grid_side"]!;
        JsonArray boxes = pane["kept"]!.AsArray();
        Assert.Equal(
            views.SelectMany(v => image["kept"]![v]!.AsArray().Select(t => (v, (int)t!))), boxes.Select(static b => ((int)b!["view"]!, (int)b["token"]!)));
        Assert.StartsWith($"Bright: the {boxes.Count} of {views.Length * side * side} patches that were kept.", (string)pane["caption"]!);
        foreach (JsonNode? box in boxes)
        {
            (JsonNode view, int token) = (image["views"]![(int)box!["view"]!]!, (int)box["token"]!);
            (double across, double down) = ((double)view["width"]! / side, (double)view["height"]! / side);
            double[] expected = [((double)view["x"]! + token % side * across) / 640, ((double)view["y"]! + token / side * down) / 480, across / 640, down / 480];
            double[] shown = [(double)box["left"]!, (double)box["top"]!, (double)box["width"]!, (double)box["height"]!];
            Assert.All(expected.Zip(shown), static p => Assert.Equal(p.First, p.Second, Tolerance));
        }
    }
}
