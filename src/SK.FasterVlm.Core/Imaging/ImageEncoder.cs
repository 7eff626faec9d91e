using SkiaSharp;

namespace SK.FasterVlm.Imaging;

/// <summary>Writes pictures to PNG.</summary>
public static class ImageEncoder
{
    const int CaptionHeight = 40, CaptionMargin = 12;

    /// <summary>Encodes a picture as PNG without loss.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="caption">A line of text on a dark strip below it; null for none. Left out when the machine has no font.</param>
    public static byte[] ToPng(RgbImage image, string? caption = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        using SKTypeface font = SKTypeface.Default;
        // A server without fonts gives a typeface without glyphs; an empty strip would look like a fault.
        bool write = !string.IsNullOrEmpty(caption) && font.GlyphCount > 0 && font.GetGlyph('0') != 0;
        var info = new SKImageInfo(image.Width, image.Height + (write ? CaptionHeight : 0), SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var bitmap = new SKBitmap(info);
        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int from = 0, to = 0; from < image.Pixels.Length; from += 3, to += 4)
        {
            image.Pixels.AsSpan(from, 3).CopyTo(rgba[to..]);
            rgba[to + 3] = 255;
        }

        if (write) Write(bitmap, caption!, image.Height, font);
        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    static void Write(SKBitmap bitmap, string caption, int top, SKTypeface typeface)
    {
        using var canvas = new SKCanvas(bitmap);
        using var strip = new SKPaint { Color = new SKColor(24, 24, 27) };
        using var ink = new SKPaint { Color = new SKColor(228, 228, 231), IsAntialias = true };
        using var font = new SKFont(typeface, 20);
        canvas.DrawRect(0, top, bitmap.Width, CaptionHeight, strip);
        canvas.DrawText(caption, CaptionMargin, top + CaptionHeight * 0.68f, font, ink);
    }
}
