using System.Text.Encodings.Web;
using System.Text.Json;
using SkiaSharp;

namespace SK.FasterVlm.Scenes;

/// <summary>
/// The training format: <c>.rgb</c> (192x192x3 bytes a picture), <c>.cells</c> (two bytes for each of the 144 patches:
/// 1-based object or 0, then 1-based letter of the word or 0) and <c>.jsonl</c> (annotations and questions).
/// </summary>
internal static class PackedDatasetWriter
{
    private const int Chunk = 512;

    /// <summary>Share of a patch something must cover to be its label.</summary>
    private const float MinCover = 0.25f;

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(string prefix, Func<int, Scene> scenes, int count, SceneFonts fonts)
    {
        using var pixels = File.Create(prefix + ".rgb");
        using var cells = File.Create(prefix + ".cells");
        using var lines = new StreamWriter(prefix + ".jsonl");
        for (var start = 0; start < count; start += Chunk)
        {
            var results = new (byte[] Rgb, byte[] Cells, string Line)[Math.Min(Chunk, count - start)];
            Parallel.For(0, results.Length, i =>
            {
                var scene = scenes(start + i);
                results[i] = (Render(scene, fonts), Cells(scene, fonts), Describe(scene));
            });
            foreach (var (rgb, cell, line) in results)
            {
                pixels.Write(rgb);
                cells.Write(cell);
                lines.WriteLine(line);
            }

            Console.Write($"\r{start + results.Length}/{count} scenes");
        }

        Console.WriteLine();
    }

    private static byte[] Render(Scene scene, SceneFonts fonts)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Scene.Size, Scene.Size, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using (var canvas = new SKCanvas(bitmap))
        {
            SceneRenderer.Draw(canvas, scene, fonts);
        }

        var rgba = bitmap.GetPixelSpan();
        var rgb = new byte[Scene.Size * Scene.Size * 3];
        for (int from = 0, to = 0; from < rgba.Length; from += 4, to += 3)
        {
            rgba.Slice(from, 3).CopyTo(rgb.AsSpan(to));
        }

        return rgb;
    }

    private static byte[] Cells(Scene scene, SceneFonts fonts)
    {
        var cells = new byte[2 * Scene.Grid * Scene.Grid];
        var best = new float[Scene.Grid * Scene.Grid];
        for (var i = 0; i < scene.Objects.Count; i++)
        {
            Mark(scene.Objects[i].Box, cells.AsSpan(), best, (byte)(i + 1), 0);
        }

        if (scene.Word is { } word)
        {
            Array.Clear(best);
            for (var i = 0; i < word.Text.Length; i++)
            {
                var left = fonts.Width(word.Font, word.Text[..i]) * word.Box.Height;
                var right = fonts.Width(word.Font, word.Text[..(i + 1)]) * word.Box.Height;
                var letter = word.Box with { X = word.Box.X + left, Width = right - left };
                Mark(letter, cells.AsSpan(), best, (byte)(i + 1), 1);
            }
        }

        return cells;
    }

    /// <summary>Gives the box its patches: all it covers enough of, and always the one it covers most of.</summary>
    private static void Mark(Box box, Span<byte> cells, float[] best, byte label, int channel)
    {
        var (most, mostCell) = (0f, 0);
        for (var cell = 0; cell < best.Length; cell++)
        {
            var patch = new Box(cell % Scene.Grid * Scene.Patch, cell / Scene.Grid * Scene.Patch, Scene.Patch, Scene.Patch);
            var cover = patch.Overlap(box) / (Scene.Patch * Scene.Patch);
            if (cover > most)
            {
                (most, mostCell) = (cover, cell);
            }

            if (cover >= MinCover && cover > best[cell])
            {
                best[cell] = cover;
                cells[2 * cell + channel] = label;
            }
        }

        if (best[mostCell] < most + 0.1f)
        {
            cells[2 * mostCell + channel] = label;
        }
    }

    private static string Describe(Scene scene) => JsonSerializer.Serialize(
        new
        {
            seed = scene.Seed,
            style = (int)scene.Style,
            heldOut = scene.HasHeldOutCombination,
            objects = scene.Objects.Select(o => new { kind = o.Kind.Id, color = o.Color, box = Coordinates(o.Box) }),
            word = scene.Word is { } w ? new { text = w.Text, box = Coordinates(w.Box) } : null,
            qa = QuestionWriter.Write(scene).Select(q => new { c = q.Category, q = q.Prompt, a = q.Answer }),
        },
        Json);

    private static float[] Coordinates(Box b) => [.. new[] { b.X, b.Y, b.Width, b.Height }.Select(v => MathF.Round(v, 1))];
}
