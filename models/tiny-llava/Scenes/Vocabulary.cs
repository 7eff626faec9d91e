namespace SK.FasterVlm.Scenes;

/// <summary>A thing a scene can hold: an emoji, or a plain shape when <see cref="Glyph"/> is null.</summary>
internal sealed record Kind(int Id, string Name, string Plural, string Group, string? Glyph)
{
    public bool IsShape => Glyph is null;
}

internal sealed record NamedColor(string Name, byte R, byte G, byte B);

internal enum BackgroundStyle { Plain, Gradient, Patterned, Busy }

/// <summary>Everything that can be named in a scene. The order is part of the data format: labels are indices.</summary>
internal static class Vocabulary
{
    public static readonly Kind[] Kinds = Build(
        ("dog", "dogs", "animal", "🐶"), ("cat", "cats", "animal", "🐱"), ("pig", "pigs", "animal", "🐷"),
        ("frog", "frogs", "animal", "🐸"), ("cow", "cows", "animal", "🐮"), ("fish", "fish", "animal", "🐟"),
        ("bird", "birds", "animal", "🐦"), ("bee", "bees", "animal", "🐝"),
        ("car", "cars", "vehicle", "🚗"), ("bus", "buses", "vehicle", "🚌"), ("train", "trains", "vehicle", "🚆"),
        ("bike", "bikes", "vehicle", "🚲"), ("boat", "boats", "vehicle", "⛵"), ("rocket", "rockets", "vehicle", "🚀"),
        ("apple", "apples", "food", "🍎"), ("banana", "bananas", "food", "🍌"), ("pizza", "pizzas", "food", "🍕"),
        ("cake", "cakes", "food", "🎂"), ("cup", "cups", "food", "☕"),
        ("tree", "trees", "outdoor", "🌳"), ("flower", "flowers", "outdoor", "🌻"), ("house", "houses", "outdoor", "🏠"),
        ("moon", "moons", "outdoor", "🌙"), ("umbrella", "umbrellas", "outdoor", "☔"),
        ("chair", "chairs", "item", "🪑"), ("clock", "clocks", "item", "⏰"), ("book", "books", "item", "📕"),
        ("key", "keys", "item", "🔑"), ("phone", "phones", "item", "📱"), ("guitar", "guitars", "item", "🎸"),
        ("ball", "balls", "item", "⚽"), ("hat", "hats", "item", "🎩"),
        ("circle", "circles", "shape", null), ("square", "squares", "shape", null), ("triangle", "triangles", "shape", null),
        ("star", "stars", "shape", null), ("heart", "hearts", "shape", null));

    public static readonly NamedColor[] Colors =
    [
        new("red", 220, 30, 35), new("orange", 245, 135, 20), new("yellow", 250, 215, 30), new("green", 40, 155, 60),
        new("blue", 35, 85, 215), new("purple", 135, 50, 175), new("black", 20, 20, 22), new("white", 250, 250, 250),
    ];

    public static readonly string[] Words =
    [
        "STOP", "OPEN", "EXIT", "SALE", "TAXI", "CAFE", "HELLO", "NEW", "HOT", "COLD", "FREE", "LOVE", "ZOO", "GO", "NO",
        "YES", "UP", "DOWN", "PARK", "BANK", "SHOP", "MENU", "FOOD", "MILK", "TEA", "JAM", "FUN", "BIG", "RED", "WOW",
        "HOME", "PLAY", "GAME", "MUSIC", "WATER", "LIGHT", "SKY", "QUIZ", "VIP", "FIX",
    ];

    public static readonly string[] FontFiles =
    [
        "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansCondensed-Bold.ttf",
    ];

    /// <summary>
    /// Kind-on-background combinations that training never shows: about one in twelve. They tell whether a kind was
    /// learned by itself or together with what it stood on.
    /// </summary>
    public static bool IsHeldOut(Kind kind, BackgroundStyle style) => (kind.Id * 5 + (int)style * 3) % 12 == 0;

    private static Kind[] Build(params (string Name, string Plural, string Group, string? Glyph)[] rows) =>
        [.. rows.Select((r, i) => new Kind(i, r.Name, r.Plural, r.Group, r.Glyph))];
}
