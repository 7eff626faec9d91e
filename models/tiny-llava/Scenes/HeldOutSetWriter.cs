using System.Text.Encodings.Web;
using System.Text.Json;
using SkiaSharp;

namespace SK.FasterVlm.Scenes;

/// <summary>Held-out pictures as image files, with question and label files in LLaVA's format.</summary>
internal static class HeldOutSetWriter
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Questions asked about one picture in each category, at most: keeps the frequent categories from drowning the others.</summary>
    private static readonly Dictionary<string, int> PerPicture = new()
    {
        ["presence"] = 4,
        ["count"] = 2,
        ["position"] = 2,
        ["color"] = 2,
        ["word"] = 1,
        ["naming"] = 1,
    };

    public static void Write(string folder, Func<int, Scene> scenes, int count, SceneFonts fonts, string extension)
    {
        var images = Directory.CreateDirectory(Path.Combine(folder, "images"));
        WriteQuestions(folder, scenes, count, extension, Select, scene => Save(scene, Path.Combine(images.FullName, $"{scene.Seed}.{extension}"), fonts, Scene.Size));
    }

    /// <summary>
    /// Questions for a list of things (short form) and for descriptions (sentences) about the pictures of a set, without drawing them.
    /// Apart from the set, because nobody should take one wording for the only right one: what exact match finds here is a lower bound.
    /// </summary>
    public static void WriteLists(string folder, Func<int, Scene> scenes, int count)
    {
        Directory.CreateDirectory(folder);
        WriteQuestions(folder, scenes, count, "webp",
            scene => QuestionWriter.Write(scene, shortOnly: true).Where(q => q.Category is "listing" or "description"), _ => { });
    }

    private static void WriteQuestions(
        string folder, Func<int, Scene> scenes, int count, string extension, Func<Scene, IEnumerable<Question>> select, Action<Scene> draw)
    {
        using var questions = new StreamWriter(Path.Combine(folder, "questions.jsonl"));
        using var labels = new StreamWriter(Path.Combine(folder, "labels.jsonl"));
        var id = 0;
        for (var i = 0; i < count; i++)
        {
            var scene = scenes(i);
            var image = $"{scene.Seed}.{extension}";
            draw(scene);
            var split = scene.HasHeldOutCombination ? "held-out-combination" : "seen-combinations";
            foreach (var question in select(scene))
            {
                var text = question.Prompt;
                questions.WriteLine(JsonSerializer.Serialize(
                    new { question_id = ++id, image, text, category = question.Category, split }, Json));
                labels.WriteLine(JsonSerializer.Serialize(
                    new { question_id = id, image, text, label = question.Answer, category = question.Category, split }, Json));
            }
        }

        Console.WriteLine($"{count} pictures, {id} questions in {folder}");
    }

    /// <summary>Larger landscape pictures for people to look at; no questions.</summary>
    public static void WriteDemo(string folder, Func<int, Scene> scenes, int count, SceneFonts fonts)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < count; i++)
        {
            Save(scenes(i), Path.Combine(folder, $"demo-{i + 1}.jpg"), fonts, 640);
        }
    }

    /// <summary>
    /// Short forms only: they are scored by comparing with the label. Descriptions have no single right wording. Most things
    /// stand alone; two thirds of the scenes leave the answer "1" out, so that always saying it scores little.
    /// </summary>
    public static IEnumerable<Question> Select(Scene scene) =>
        QuestionWriter.Write(scene, shortOnly: true)
            .Where(q => PerPicture.ContainsKey(q.Category))
            .Where(q => q.Category != "count" || q.Answer != "1" || scene.Seed % 3 == 0)
            .GroupBy(q => q.Category)
            .SelectMany(g => g.Take(PerPicture[g.Key]));

    /// <summary>Saves the content of the scene without its padding: padding to a square is the reader's job.</summary>
    private static void Save(Scene scene, string path, SceneFonts fonts, int width)
    {
        var scale = width / (float)Scene.Size;
        var info = new SKImageInfo(
            (int)MathF.Round(scene.Content.Width * scale), (int)MathF.Round(scene.Content.Height * scale),
            SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var surface = SKSurface.Create(info);
        surface.Canvas.Scale(scale);
        surface.Canvas.Translate(-scene.Content.X, -scene.Content.Y);
        SceneRenderer.Draw(surface.Canvas, scene, fonts);
        using var image = surface.Snapshot();
        var (format, quality) = Path.GetExtension(path) switch
        {
            ".png" => (SKEncodedImageFormat.Png, 100),
            ".webp" => (SKEncodedImageFormat.Webp, 90),
            _ => (SKEncodedImageFormat.Jpeg, 92),
        };
        using var data = image.Encode(format, quality);
        using var file = File.Create(path);
        data.SaveTo(file);
    }
}
