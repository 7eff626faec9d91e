using SkiaSharp;

namespace SK.FasterVlm.Scenes;

/// <summary>Emoji sprites (when the first is drawn) and word fonts, loaded once. All come from Debian packages (fonts-noto-color-emoji, fonts-dejavu).</summary>
internal sealed class SceneFonts
{
    private const string Root = "/usr/share/fonts/truetype/";
    private const int SpriteSize = 128;
    private readonly SKTypeface[] _words;
    private readonly Lazy<SKImage?[]> _sprites = new(RenderSprites);

    public SceneFonts()
    {
        _words = [.. Vocabulary.FontFiles.Select(f => Load("dejavu/" + f))];
    }

    private static SKImage?[] RenderSprites()
    {
        using var emoji = Load("noto/NotoColorEmoji.ttf");
        using var font = new SKFont(emoji, 109);
        return [.. Vocabulary.Kinds.Select(k => k.Glyph is null ? null : RenderSprite(font, k.Glyph))];
    }

    public SKImage Sprite(Kind kind) => _sprites.Value[kind.Id]!;

    public SKTypeface Word(int font) => _words[font];

    /// <summary>Width of capitals per unit of their height.</summary>
    public float Width(int font, string text)
    {
        using var measure = FontOfCapHeight(font, 100);
        return measure.MeasureText(text) / 100;
    }

    public SKFont FontOfCapHeight(int font, float height)
    {
        var sized = new SKFont(_words[font], height) { Edging = SKFontEdging.Antialias };
        sized.Size = height * height / sized.Metrics.CapHeight;
        return sized;
    }

    private static SKTypeface Load(string file) =>
        SKTypeface.FromFile(Root + file)
        ?? throw new FileNotFoundException(
            $"Font {Root}{file} is missing: apt-get install fonts-noto-color-emoji fonts-dejavu-core fonts-dejavu-extra");

    /// <summary>Cuts the glyph to its visible pixels, so that an object's box is what one sees of it.</summary>
    private static SKImage RenderSprite(SKFont font, string glyph)
    {
        var info = new SKImageInfo(192, 192, SKColorType.Rgba8888, SKAlphaType.Premul);
        using var bitmap = new SKBitmap(info);
        using (var canvas = new SKCanvas(bitmap))
        using (var paint = new SKPaint())
        {
            canvas.Clear(SKColors.Transparent);
            canvas.DrawText(glyph, 20, 140, font, paint);
        }

        var (left, top, right, bottom) = (192, 192, -1, -1);
        for (var y = 0; y < 192; y++)
        {
            for (var x = 0; x < 192; x++)
            {
                if (bitmap.GetPixel(x, y).Alpha > 40)
                {
                    (left, right) = (Math.Min(left, x), Math.Max(right, x));
                    (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y));
                }
            }
        }

        if (right < 0)
        {
            throw new InvalidDataException($"NotoColorEmoji.ttf has no picture for {glyph}.");
        }

        var side = Math.Max(right - left, bottom - top) + 1;
        using var surface = SKSurface.Create(new SKImageInfo(SpriteSize, SpriteSize, SKColorType.Rgba8888, SKAlphaType.Premul));
        using var image = SKImage.FromBitmap(bitmap);
        var source = SKRect.Create((left + right + 1 - side) / 2f, (top + bottom + 1 - side) / 2f, side, side);
        surface.Canvas.DrawImage(image, source, SKRect.Create(SpriteSize, SpriteSize), new SKSamplingOptions(SKCubicResampler.Mitchell));
        return surface.Snapshot();
    }
}
