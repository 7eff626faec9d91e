using System.Text.Json.Nodes;
using SK.FasterVlm.Imaging;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Page;

/// <summary>The page in a browser, over the shipped model: what is shown must be what the API says.</summary>
public sealed class PageTests(PageServer fixture) : IClassFixture<PageServer>
{
    const string Question = "What is in the picture?";
    static readonly string Picture = Convert.ToBase64String(PageServer.Picture);

    RunningServer Server => fixture.Server;

    [Fact]
    public async Task A_dropped_picture_is_asked_about_and_the_slider_keeps_fewer_patches()
    {
        JsonNode seen = await Chromium.PlayAsync("dropAndAsk", Server, new { picture = Picture, question = Question, keep = 25, fewer = 10 });
        Assert.Empty(Problems(seen));
        Assert.All(seen["sent"]!.AsArray(), sent => Assert.Equal($"data:image/jpeg;base64,{Picture}", (string)sent!["messages"]![0]!["content"]![0]!["image_url"]!["url"]!));
        foreach ((string name, int percent, int count) in new[] { ("first", 25, 36), ("second", 10, 15) })
        {
            JsonNode pane = seen[name]!, api = await AskAsync(percent);
            Same(api, pane);
            int[] kept = Kept(api);
            Assert.Equal(count, kept.Length);
            Assert.Equal($"{percent} %, {count} of 144", (string)pane["slider"]!);
            Assert.Equal(["Answer", "KV cache", "Prefill", "Prompt", "Time to first token", "Visual tokens"],
                new[] { "Answer", "KV cache", "Prefill", "Prompt", "Time to first token", "Visual tokens" }.Where(n => pane["numbers"]![n] is not null));
            AssertPlaces(pane);
            AssertPixels(Convert.FromBase64String((string)pane["canvas"]!), kept);
        }
    }

    [Fact]
    public async Task Two_budgets_stand_side_by_side()
    {
        string? screenshot = Environment.GetEnvironmentVariable("FASTERVLM_PAGE_SCREENSHOT");
        JsonNode seen = await Chromium.PlayAsync("compare", Server, new { picture = Picture, question = Question, keep = 100, fewer = 20, screenshot });
        Assert.Empty(Problems(seen));
        (JsonNode all, JsonNode few) = (await AskAsync(100), await AskAsync(20));
        Same(all, seen["panes"]![0]!);
        Same(few, seen["panes"]![1]!);
        Assert.Equal((144, 29), (Kept(all).Length, Kept(few).Length));
        string verdict = (string)seen["verdict"]!;
        Assert.StartsWith("29 instead of 144 visual tokens: ", verdict);
        Assert.EndsWith((string)all["choices"]![0]!["message"]!["content"]! == (string)few["choices"]![0]!["message"]!["content"]!
            ? "Both answers are the same." : "The answers differ.", verdict);
        (JsonNode left, JsonNode right) = (seen["boxes"]![0]!, seen["boxes"]![1]!);
        Assert.Equal((double)left["top"]!, (double)right["top"]!);
        Assert.True((double)right["left"]! >= (double)left["right"]!);
    }

    [Fact]
    public async Task A_picture_can_be_chosen_pasted_taken_and_removed()
    {
        JsonNode seen = await Chromium.PlayAsync("otherWays", Server, new { picture = Picture, question = "Say hello." });
        Assert.Empty(Problems(seen));
        foreach (string way in new[] { "chosen", "pasted", "taken" }) Assert.Equal("[640,480]", seen[way]!.ToJsonString());
        Assert.True((bool)seen["removed"]!);
        Assert.Equal("""[{"type":"text","text":"Say hello."}]""", Assert.Single(seen["sent"]!.AsArray())!["messages"]![0]!["content"]!.ToJsonString());
        Assert.Empty(seen["pane"]!["kept"]!.AsArray());
        Assert.NotNull(seen["pane"]!["numbers"]!["Time to first token"]);
    }

    [Theory]
    [InlineData("avif", 300, 200, 300, 200)] // a format the server does not know
    [InlineData("png", 9000, 3000, 2048, 683)] // more pixels than anyone needs
    public async Task What_the_server_would_not_take_is_drawn_anew(string format, int width, int height, int sentWidth, int sentHeight)
    {
        JsonNode seen = await Chromium.PlayAsync("redrawn", Server, new { question = Question, format, width, height });
        Assert.Empty(Problems(seen));
        Assert.EndsWith($"{width} × {height} pixels; sent as a JPEG of {sentWidth} × {sentHeight}", (string)seen["note"]!);
        string url = (string)Assert.Single(seen["sent"]!.AsArray())!["messages"]![0]!["content"]![0]!["image_url"]!["url"]!;
        RgbImage sent = ImageDecoder.Decode(Convert.FromBase64String(url["data:image/jpeg;base64,".Length..]));
        Assert.Equal((sentWidth, sentHeight), (sent.Width, sent.Height));
        Assert.Equal(36, seen["pane"]!["kept"]!.AsArray().Count);
    }

    [Fact]
    public async Task What_goes_wrong_is_said_in_words()
    {
        JsonNode seen = await Chromium.PlayAsync("errors", Server, new
        {
            picture = Picture,
            broken = Convert.ToBase64String([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]),
            question = Question,
            @long = string.Join(' ', Enumerable.Repeat("house", 20_000)),
        });
        Assert.Equal("broken.png cannot be shown: it is damaged or no picture. Choose a PNG, JPEG, WebP, GIF or BMP file.", (string)seen["damaged"]!);
        Assert.False((bool)seen["preview"]!);
        Assert.Equal("", (string)seen["cleared"]!);
        Assert.StartsWith("This model's maximum context length is ", (string)seen["tooLong"]!);
        Assert.Equal("", (string)seen["error"]!);
        Same(await AskAsync(25), seen["after"]!);
        // Only what the browser itself says of the refused request.
        Assert.Contains("status of 400", (string)Assert.Single(Problems(seen))!);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_page_fits_a_phone_and_can_be_read_there(bool dark)
    {
        JsonNode seen = await Chromium.PlayAsync("phone", Server, new { picture = Picture, question = Question, phone = true, dark });
        Assert.Empty(Problems(seen));
        Assert.Equal("[360,360]", seen["before"]!.ToJsonString());
        Assert.Equal("[360,360]", seen["after"]!.ToJsonString());
        Assert.True((bool)seen["camera"]!);
        Assert.Empty(seen["low"]!.AsArray());
        Assert.Empty(seen["unnamed"]!.AsArray());
        Assert.Empty(seen["contrast"]!["poor"]!.AsArray());
        Assert.True((int)seen["contrast"]!["checked"]! > 20);
    }

    async Task<JsonNode> AskAsync(int percent)
    {
        Reply reply = await Server.ChatAsync(new
        {
            model = (string)(await Server.GetAsync("/v1/models")).Json["data"]![0]!["id"]!,
            messages = new[] { new { role = "user", content = new object[] {
                new { type = "image_url", image_url = new { url = $"data:image/jpeg;base64,{Picture}" } },
                new { type = "text", text = Question } } } },
            temperature = 0,
            fastervlm = new { visual_tokens = $"{percent}%", statistics = true },
        });
        return reply.Json;
    }

    static JsonNode Image(JsonNode api) => api["fastervlm"]!["statistics"]!["images"]![0]!;

    static int[] Kept(JsonNode api) => [.. Image(api)["kept"]![0]!.AsArray().Select(static k => (int)k!)];

    static string[] Problems(JsonNode seen) => [.. seen["problems"]!.AsArray().Select(static p => (string)p!)];

    /// <summary>A pane shows what the API says.</summary>
    static void Same(JsonNode api, JsonNode pane)
    {
        string answer = (string)api["choices"]![0]!["message"]!["content"]!;
        Assert.NotEmpty(answer);
        Assert.Equal((answer, "", "false"), ((string)pane["answer"]!, (string)pane["state"]!, (string)pane["busy"]!));
        int[] kept = Kept(api);
        Assert.Equal(kept, pane["kept"]!.AsArray().Select(static k => (int)k!["token"]!));
        Assert.StartsWith($"{kept.Length} of 144 visual tokens (", (string)pane["title"]!);
        Assert.StartsWith($"Bright: the {kept.Length} of 144 patches that were kept.", (string)pane["caption"]!);
    }

    /// <summary>Every outlined patch lies over the pixels of the picture that the tower saw in it.</summary>
    static void AssertPlaces(JsonNode pane)
    {
        const double Tolerance = 0.004; // a little more than half a pixel of the screen
        PicturePlacement placement = new(640, 480, 0);
        foreach (JsonNode? box in pane["kept"]!.AsArray())
        {
            int token = (int)box!["token"]!;
            double step = placement.Side / 12.0;
            Assert.Equal((token % 12 * step - placement.OffsetX) / 640, (double)box["left"]!, Tolerance);
            Assert.Equal((token / 12 * step - placement.OffsetY) / 480, (double)box["top"]!, Tolerance);
            Assert.Equal((step / 640, step / 480), ((double)box["width"]!, (double)box["height"]!), (a, b) =>
                Math.Abs(a.Item1 - b.Item1) < Tolerance && Math.Abs(a.Item2 - b.Item2) < Tolerance);
        }
    }

    /// <summary>On the screen, kept patches are as bright as in the picture and dropped ones dark.</summary>
    static void AssertPixels(byte[] screen, int[] kept)
    {
        RgbImage seen = ImageDecoder.Decode(screen);
        RgbImage square = new ClipPreprocessor(new ClipPreprocessorSettings { ImageSize = 12 * 20 }).PadAndResize(ImageDecoder.Decode(PageServer.Picture));
        int compared = 0;
        for (int token = 0; token < 144; token++)
        {
            if (token / 12 is < 2 or > 9) continue; // padding has a pattern of its own
            double real = Luminance(square, token);
            if (real < 40) continue;
            compared++;
            double ratio = Luminance(seen, token) / real;
            Assert.True(kept.Contains(token) ? ratio is > 0.8 and < 1.2 : ratio is > 0.1 and < 0.45, $"token {token}: {ratio:0.00} of the picture's brightness");
        }
        Assert.True(compared > 40);
    }

    /// <summary>Mean over the inner half of a patch.</summary>
    static double Luminance(RgbImage square, int token)
    {
        (double across, double down) = (square.Width / 12.0, square.Height / 12.0);
        double sum = 0;
        int count = 0;
        for (int y = (int)((token / 12 + 0.25) * down); y < (token / 12 + 0.75) * down; y++)
        {
            for (int x = (int)((token % 12 + 0.25) * across); x < (token % 12 + 0.75) * across; x++)
            {
                int at = (y * square.Width + x) * 3;
                sum += 0.299 * square.Pixels[at] + 0.587 * square.Pixels[at + 1] + 0.114 * square.Pixels[at + 2];
                count++;
            }
        }
        return sum / count;
    }
}
