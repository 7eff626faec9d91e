using SK.FasterVlm.Scenes;

const string Usage = """
    Draws seeded scenes with questions and answers.
      --out PATH       packed: path prefix of the three files; otherwise a folder
      --seed N         1..899 for training, 900.. held out (the two never overlap)
      --count N        number of scenes
      --format F       packed (default, for train.py), webp, png, jpg (question and label files), demo (640 px wide jpg),
                       lists (no pictures: questions that ask for a list or a description of those of --format webp)
      --rule R         training (default below seed 900), any, heldout (each scene has a combination training never shows),
                       mixed (default from 900: every third scene like heldout, the others like training)
    """;

var options = new Dictionary<string, string> { ["seed"] = "1", ["count"] = "1000", ["format"] = "packed", ["rule"] = "" };
for (var i = 0; i < args.Length; i += 2)
{
    if (!args[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == args.Length)
    {
        Console.Error.WriteLine(Usage);
        return 2;
    }

    options[args[i][2..]] = args[i + 1];
}

if (!options.TryGetValue("out", out var output)
    || !int.TryParse(options["seed"], out var seed) || seed is < 1 or > SceneSeeds.Last
    || !int.TryParse(options["count"], out var count) || count is < 1 or > SceneSeeds.ScenesPerSeed)
{
    Console.Error.WriteLine(Usage);
    return 2;
}

var rule = options["rule"] is { Length: > 0 } given ? given : SceneSeeds.DefaultRule(seed);
if (!SceneSeeds.Allows(seed, rule))
{
    Console.Error.WriteLine($"Seeds below {SceneSeeds.FirstHeldOut} are training seeds and must not show held-out combinations.");
    return 2;
}

var fonts = new SceneFonts();
Box? content = options["format"] switch
{
    "demo" => new Box(0, 24, Scene.Size, 144),
    "png" => new Box(0, 0, Scene.Size, Scene.Size),
    _ => null,
};

Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
switch (options["format"])
{
    case "packed":
        PackedDatasetWriter.Write(output, Draw, count, fonts);
        break;
    case "demo":
        HeldOutSetWriter.WriteDemo(output, Draw, count, fonts);
        break;
    case "lists":
        HeldOutSetWriter.WriteLists(output, Draw, count);
        break;
    case "webp" or "png" or "jpg":
        HeldOutSetWriter.Write(output, Draw, count, fonts, options["format"]);
        break;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

return 0;

Scene Draw(int index) => SceneGenerator.Generate(SceneSeeds.Of(seed, index), SceneSeeds.Rule(rule, index), fonts.Width, content);
