using SkiaSharp;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>A picture of a photo's size and detail, made from a seed: the time to decode and resize it is that of a photo.</summary>
internal static class BenchImage
{
    /// <summary>A JPEG of 640 x 480 pixels.</summary>
    public static byte[] Create(int seed)
    {
        Random random = new(seed);
        using SKBitmap bitmap = new(640, 480, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using (SKCanvas canvas = new(bitmap))
        using (SKPaint paint = new() { IsAntialias = true })
        {
            canvas.Clear(Color(random));
            for (int i = 0; i < 60; i++)
            {
                paint.Color = Color(random);
                float size = 10 + (90 * random.NextSingle()), x = 640 * random.NextSingle(), y = 480 * random.NextSingle();
                if (i % 2 == 0) canvas.DrawCircle(x, y, size, paint);
                else canvas.DrawRect(x, y, size, 2 * size, paint);
            }
        }

        using SKImage image = SKImage.FromBitmap(bitmap);
        using SKData data = image.Encode(SKEncodedImageFormat.Jpeg, 90);
        return data.ToArray();
    }

    static SKColor Color(Random random) => new((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256));
}
