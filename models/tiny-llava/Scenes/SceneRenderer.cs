using SkiaSharp;

namespace SK.FasterVlm.Scenes;

/// <summary>Draws a scene on a canvas in scene units; the caller scales the canvas.</summary>
internal static class SceneRenderer
{
    /// <summary>LLaVA's colour for padding to a square: CLIP's mean colour.</summary>
    public static readonly SKColor PadColor = new(122, 116, 104);

    private static readonly SKSamplingOptions Smooth = new(SKFilterMode.Linear, SKMipmapMode.Linear);

    public static void Draw(SKCanvas canvas, Scene scene, SceneFonts fonts)
    {
        var random = new Random(scene.Seed ^ 0x5eed);
        canvas.Clear(PadColor);
        canvas.Save();
        canvas.ClipRect(Rect(scene.Content));
        DrawBackground(canvas, scene, random);
        foreach (var item in scene.Objects)
        {
            DrawObject(canvas, item, fonts, random);
        }

        if (scene.Word is { } word)
        {
            DrawWord(canvas, word, fonts);
        }

        canvas.Restore();
    }

    private static SKRect Rect(Box b) => SKRect.Create(b.X, b.Y, b.Width, b.Height);

    private static void DrawBackground(SKCanvas canvas, Scene scene, Random random)
    {
        var area = Rect(scene.Content);
        var first = BackgroundColor(random);
        using var paint = new SKPaint { Color = first, IsAntialias = true };
        if (scene.Style == BackgroundStyle.Gradient)
        {
            var angle = random.NextSingle() * MathF.Tau;
            var reach = new SKPoint(MathF.Cos(angle) * area.Width / 2, MathF.Sin(angle) * area.Height / 2);
            var middle = new SKPoint(area.MidX, area.MidY);
            using var shader = SKShader.CreateLinearGradient(
                middle - reach, middle + reach, [first, BackgroundColor(random)], SKShaderTileMode.Clamp);
            paint.Shader = shader;
            canvas.DrawRect(area, paint);
            return;
        }

        canvas.DrawRect(area, paint);
        if (scene.Style == BackgroundStyle.Patterned)
        {
            DrawPattern(canvas, area, first, paint, random);
        }
        else if (scene.Style == BackgroundStyle.Busy)
        {
            DrawClutter(canvas, area, paint, random);
        }
    }

    private static SKColor BackgroundColor(Random random) =>
        SKColor.FromHsv(random.NextSingle() * 360, 8 + random.NextSingle() * 52, 45 + random.NextSingle() * 55);

    private static void DrawPattern(SKCanvas canvas, SKRect area, SKColor ground, SKPaint paint, Random random)
    {
        var step = 6 + random.NextSingle() * 14;
        var pattern = random.Next(4);
        var shade = (random.Next(2) * 2 - 1) * (18 + random.Next(22));
        paint.Color = new SKColor(Shift(ground.Red, shade), Shift(ground.Green, shade), Shift(ground.Blue, shade));
        canvas.Save();
        canvas.RotateDegrees(random.Next(4) * 45, area.MidX, area.MidY);
        for (var y = -300f; y < 500; y += step)
        {
            if (pattern == 0)
            {
                canvas.DrawRect(SKRect.Create(-300, y, 800, step / 2), paint);
                continue;
            }

            for (var x = -100f; x < 300 && y is > -100 and < 300; x += step)
            {
                var odd = ((int)MathF.Round(x / step) + (int)MathF.Round(y / step)) % 2 != 0;
                switch (pattern)
                {
                    case 1 when odd:
                        canvas.DrawRect(SKRect.Create(x, y, step, step), paint);
                        break;
                    case 2:
                        canvas.DrawCircle(x, y, step / 4, paint);
                        break;
                    case 3:
                        canvas.DrawLine(x, y, x + step * 0.7f, y + step * 0.4f, paint);
                        break;
                    default:
                        break;
                }
            }
        }

        canvas.Restore();

        static byte Shift(byte value, int by) => (byte)Math.Clamp(value + by, 0, 255);
    }

    /// <summary>Strokes, wisps and specks that are none of the named shapes, so that "busy" never means a wrong answer.</summary>
    private static void DrawClutter(SKCanvas canvas, SKRect area, SKPaint paint, Random random)
    {
        for (var i = 0; i < 26; i++)
        {
            paint.Color = BackgroundColor(random).WithAlpha((byte)random.Next(90, 200));
            var x = area.Left + random.NextSingle() * area.Width;
            var y = area.Top + random.NextSingle() * area.Height;
            if (i % 2 == 0)
            {
                paint.Style = SKPaintStyle.Stroke;
                paint.StrokeWidth = 1.5f + random.NextSingle() * 5;
                using var path = new SKPath();
                path.MoveTo(x, y);
                path.CubicTo(x + Jump(), y + Jump(), x + Jump(), y + Jump(), x + Jump(), y + Jump());
                canvas.DrawPath(path, paint);
            }
            else
            {
                paint.Style = SKPaintStyle.Fill;
                canvas.Save();
                canvas.RotateDegrees(random.Next(180), x, y);
                canvas.DrawOval(x, y, 3 + random.NextSingle() * 12, 1.5f + random.NextSingle() * 3, paint);
                canvas.Restore();
            }
        }

        float Jump() => (random.NextSingle() - 0.5f) * 110;
    }

    private static void DrawObject(SKCanvas canvas, SceneObject item, SceneFonts fonts, Random random)
    {
        canvas.Save();
        canvas.RotateDegrees(item.Angle, item.Box.CenterX, item.Box.CenterY);
        if (item.Kind.IsShape)
        {
            DrawShape(canvas, item, random);
        }
        else
        {
            canvas.DrawImage(fonts.Sprite(item.Kind), Rect(item.Box), Smooth);
        }

        canvas.Restore();
    }

    private static void DrawShape(SKCanvas canvas, SceneObject item, Random random)
    {
        var color = Vocabulary.Colors[item.Color];
        byte Vary(byte v) => (byte)Math.Clamp(v + random.Next(-14, 15), 0, 255);
        using var fill = new SKPaint { Color = new SKColor(Vary(color.R), Vary(color.G), Vary(color.B)), IsAntialias = true };
        using var edge = new SKPaint
        {
            Color = new SKColor(70, 70, 70),
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeWidth = 1.5f,
        };
        using var path = ShapePath(item.Kind.Name, item.Box);
        canvas.DrawPath(path, fill);
        canvas.DrawPath(path, edge);
    }

    private static SKPath ShapePath(string name, Box b)
    {
        var (x, y, s) = (b.X, b.Y, b.Width);
        var path = new SKPath();
        switch (name)
        {
            case "circle":
                path.AddCircle(b.CenterX, b.CenterY, s / 2);
                break;
            case "square":
                path.AddRect(SKRect.Create(x + s * 0.06f, y + s * 0.06f, s * 0.88f, s * 0.88f));
                break;
            case "triangle":
                path.AddPoly([new(x + s / 2, y + s * 0.04f), new(x + s, y + s * 0.92f), new(x, y + s * 0.92f)]);
                break;
            case "star":
                path.AddPoly([.. Enumerable.Range(0, 10).Select(i =>
                {
                    var (sin, cos) = MathF.SinCos(i * MathF.PI / 5);
                    var r = i % 2 == 0 ? s / 2 : s * 0.21f;
                    return new SKPoint(b.CenterX + r * sin, b.CenterY - r * cos);
                })]);
                break;
            case "heart":
                path.MoveTo(x + s / 2, y + s * 0.95f);
                path.CubicTo(x - s * 0.35f, y + s * 0.4f, x + s * 0.2f, y - s * 0.2f, x + s / 2, y + s * 0.25f);
                path.CubicTo(x + s * 0.8f, y - s * 0.2f, x + s * 1.35f, y + s * 0.4f, x + s / 2, y + s * 0.95f);
                break;
            default:
                throw new ArgumentException($"No outline for the shape {name}.", nameof(name));
        }

        path.Close();
        return path;
    }

    private static void DrawWord(SKCanvas canvas, SceneWord word, SceneFonts fonts)
    {
        var named = Vocabulary.Colors[word.Color];
        var color = new SKColor(named.R, named.G, named.B);
        var light = 0.3f * named.R + 0.59f * named.G + 0.11f * named.B > 128;
        var contrast = light ? new SKColor(25, 25, 28) : new SKColor(248, 248, 248);
        using var font = fonts.FontOfCapHeight(word.Font, word.Box.Height);
        using var paint = new SKPaint { Color = contrast, IsAntialias = true };
        var bottom = word.Box.Y + word.Box.Height;
        if (word.OnPlate)
        {
            var plate = Rect(word.Box);
            plate.Inflate(4, 4);
            canvas.DrawRect(plate, paint);
        }
        else
        {
            // An outline keeps the letters readable on any ground.
            paint.Style = SKPaintStyle.Stroke;
            paint.StrokeWidth = 3;
            paint.StrokeJoin = SKStrokeJoin.Round;
            canvas.DrawText(word.Text, word.Box.X, bottom, font, paint);
        }

        paint.Style = SKPaintStyle.Fill;
        paint.Color = color;
        canvas.DrawText(word.Text, word.Box.X, bottom, font, paint);
    }
}
