using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Net;
using System.Text;
using SK.FasterVlm.Server.Tests.Fakes;

namespace SK.FasterVlm.Server.Tests.Threats;

/// <summary>Rows I1 to I8: image bytes.</summary>
public sealed class ImageThreatTests(EmbeddedServer embedded) : CanaryServer(embedded)
{
    [Theory]
    [InlineData(30_000, 30_000)]
    [InlineData(65_500, 65_500)]
    [InlineData(16_385, 1)]
    [InlineData(10_000, 10_000)]
    public async Task I1_a_picture_that_would_unpack_to_too_much_is_413_by_its_header(int width, int height) =>
        (await Server.ChatAsync(About(DataUri(Png(width, height, rows: 1))))).AssertError(413, "messages[0].content[0].image_url.url", "image_too_large");

    [Fact]
    public async Task I1_a_jpeg_header_is_judged_the_same_way()
    {
        byte[] jpeg = [0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xDC, 0xFF, 0xDC, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1, 0xFF, 0xD9];
        (await Server.ChatAsync(About(DataUri(jpeg)))).AssertError(413, "messages[0].content[0].image_url.url", "image_too_large");
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    public async Task I2_an_empty_picture_is_400(int width, int height) =>
        (await Server.ChatAsync(About(DataUri(Png(width, height))))).AssertError(400, "messages[0].content[0].image_url.url", "invalid_image");

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 8000)]
    [InlineData(8000, 1)]
    public async Task I2_tiny_and_thin_pictures_work(int width, int height) =>
        Assert.Equal(HttpStatusCode.OK, (await Server.ChatAsync(About(DataUri(Png(width, height))))).Status);

    [Fact]
    public async Task I3_a_truncated_picture_is_400_wherever_it_ends()
    {
        byte[] whole = EmbeddedServer.Picture(1);
        for (int part = 0; part < 24; part++)
        {
            Reply reply = await Server.ChatAsync(About(DataUri(whole[..(1 + (whole.Length * part / 25))])));
            Assert.Equal(400, (int)reply.Status);
            Assert.Equal("invalid_image", (string?)reply.Error["code"]);
        }
    }

    [Theory]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")]
    [InlineData("II*\0tiff")]
    [InlineData("8BPSpsd")]
    [InlineData("\0\0\0\u0018ftypheic\0\0\0\0heicmif1")]
    [InlineData("%PDF-1.7")]
    [InlineData("This is not a picture.")]
    public async Task I3_only_known_kinds_are_taken_by_their_bytes_not_their_name(string content) =>
        (await Server.ChatAsync(About(DataUri(Encoding.Latin1.GetBytes(content))))).AssertError(400, "messages[0].content[0].image_url.url", "invalid_image");

    [Fact]
    public async Task I3_a_wrong_media_type_and_junk_behind_the_picture_do_not_matter()
    {
        byte[] picture = [.. Png(9, 7), .. "<script>alert(1)</script>"u8];
        Assert.Equal(HttpStatusCode.OK, (await Server.ChatAsync(About(DataUri(picture, "image/webp")))).Status);
    }

    [Fact]
    public async Task I6_the_same_bytes_as_another_picture_give_another_answer_key()
    {
        // 6 x 4 and 4 x 6 pixels of the same grey hold the same bytes of pixels.
        string[] tokens = await Task.WhenAll(new[] { Png(60, 40), Png(40, 60), Png(60, 40) }.Select(async p =>
            (await Server.ChatAsync(Statistics(About(DataUri(p))))).Json["fastervlm"]!["statistics"]!["images"]![0]!["views"]!.ToJsonString()));
        Assert.NotEqual(tokens[0], tokens[1]);
        Assert.Equal(tokens[0], tokens[2]);
    }

    [Fact]
    public async Task I7_nine_images_are_too_many()
    {
        string url = DataUri(Png(2, 2));
        object[] parts = [.. Enumerable.Range(0, 9).Select(object (_) => new { type = "image_url", image_url = new { url } })];
        Reply reply = await Server.ChatAsync(new { model = "tiny-llava", messages = new[] { new { role = "user", content = parts } } });
        reply.AssertError(400, "messages[0].content[8].image_url.url", "too_many_images");
    }

    [Theory]
    [InlineData("data:image/png;base64,iVBORw0KGgo=&")]
    [InlineData("data:image/png;base64,iVBORw0KGg")]
    [InlineData("data:image/png;base64,====")]
    [InlineData("data:image/png;base64,")]
    [InlineData("data:image/png,iVBORw0KGgo=")]
    [InlineData("data:image/png;base64")]
    [InlineData("data:")]
    [InlineData("data:text/html;base64,iVBORw0KGgo=")]
    [InlineData("data:image/png;base64,ï¿½")]
    public async Task I7_damaged_base64_is_400(string url) =>
        (await Server.ChatAsync(About(url))).AssertError(400, "messages[0].content[0].image_url.url", "invalid_image_url");

    [Fact]
    public async Task I7_line_breaks_and_escaped_slashes_within_base64_are_as_good()
    {
        string base64 = Convert.ToBase64String(EmbeddedServer.Picture(1), Base64FormattingOptions.InsertLineBreaks);
        string json = System.Text.Json.JsonSerializer.Serialize(About("data:image/jpeg;base64,ZZ")).Replace(
            "ZZ", base64.Replace("\r\n", "\\r\\n").Replace("/", "\\/"), StringComparison.Ordinal);
        Reply broken = await Server.ChatAsync(json), plain = await Server.ChatAsync(About(DataUri(EmbeddedServer.Picture(1), "image/jpeg")));
        Assert.Equal((HttpStatusCode.OK, plain.Content), (broken.Status, broken.Content));
    }

    [Fact]
    public async Task I7_more_bytes_than_an_image_may_have_are_413() =>
        (await Server.ChatAsync(About(DataUri(new byte[10_000_001])))).AssertError(413, "messages[0].content[0].image_url.url", "image_too_large");

    [Fact]
    public async Task I8_a_decoders_error_says_nothing_of_addresses_and_paths()
    {
        byte[] whole = EmbeddedServer.Picture(1);
        Reply reply = await Server.ChatAsync(About(DataUri(whole[..(whole.Length / 2)], "image/jpeg")));
        reply.AssertError(400, "messages", "invalid_image");
    }

    static string Statistics(object request)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(request))!;
        json["fastervlm"] = new System.Text.Json.Nodes.JsonObject { ["statistics"] = true };
        return json.ToJsonString();
    }

    /// <summary>A grey PNG; with <paramref name="rows"/> below its height the header promises more than there is.</summary>
    static byte[] Png(int width, int height, int? rows = null)
    {
        using MemoryStream data = new();
        using (ZLibStream zlib = new(data, CompressionLevel.Fastest, leaveOpen: true))
            for (int y = 0; y < (rows ?? height); y++) zlib.Write([0, .. Enumerable.Repeat((byte)128, width)]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        return [0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR", header), .. Chunk("IDAT", data.ToArray()), .. Chunk("IEND", [])];
    }

    static byte[] Chunk(string type, byte[] data)
    {
        byte[] length = new byte[4], sum = new byte[4];
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        BinaryPrimitives.WriteInt32BigEndian(length, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, Crc32.HashToUInt32(body));
        return [.. length, .. body, .. sum];
    }
}
