namespace SK.FasterVlm.Scenes;

/// <summary>A question with its answer. Short questions carry LLaVA's suffix and want a word or phrase.</summary>
internal sealed record Question(string Category, string Text, string Answer, bool Short)
{
    public const string ShortSuffix = "\nAnswer the question using a single word or phrase.";

    public string Prompt => Short ? Text + ShortSuffix : Text;
}

/// <summary>Asks everything the scene decides; what is ambiguous (near the middle, two of a kind) is not asked.</summary>
internal sealed class QuestionWriter(Scene scene, bool shortOnly)
{
    private static readonly string[] NumberWords = ["no", "one", "two", "three", "four", "five"];

    private readonly Random _random = new(scene.Seed ^ 0x0a5c);
    private readonly List<Question> _questions = [];
    private readonly List<IGrouping<Kind, SceneObject>> _groups =
        [.. scene.Objects.GroupBy(o => o.Kind).OrderBy(g => g.Key.Name, StringComparer.Ordinal)];

    public static IReadOnlyList<Question> Write(Scene scene, bool shortOnly = false)
    {
        var writer = new QuestionWriter(scene, shortOnly);
        writer.AskPresence();
        writer.AskCounts();
        writer.AskPositions();
        writer.AskColors();
        writer.AskWord();
        writer.AskNames();
        writer.AskDescription();
        return writer._questions;
    }

    private T Pick<T>(params T[] options) => options[_random.Next(options.Length)];

    /// <summary>Most questions are put in the short form, as benchmarks do; the rest want a sentence.</summary>
    private void Ask(string category, string text, string word, string sentence)
    {
        var isShort = _random.NextSingle() < 0.65f || shortOnly;
        _questions.Add(new Question(category, text, isShort ? word : sentence, isShort));
    }

    private static string A(string noun) => ("aeiou".Contains(noun[0], StringComparison.Ordinal) ? "an " : "a ") + noun;

    private static string Name(IGrouping<Kind, SceneObject> group)
    {
        var first = group.First();
        var color = first.Kind.IsShape ? Vocabulary.Colors[first.Color].Name + " " : "";
        return group.Count() == 1 ? A(color + first.Kind.Name) : $"{NumberWords[group.Count()]} {color}{first.Kind.Plural}";
    }

    private string List()
    {
        var parts = _groups.Select(Name).ToList();
        if (scene.Word is { } word)
        {
            parts.Add($"the word {word.Text}");
        }

        return parts.Count == 1 ? parts[0] : string.Join(", ", parts[..^1]) + " and " + parts[^1];
    }

    /// <summary>As many "no" as "yes"; half of the absent kinds are relatives of something present (a cat is asked for beside a dog).</summary>
    private void AskPresence()
    {
        var absent = Vocabulary.Kinds.Where(k => _groups.All(g => g.Key != k)).ToArray();
        var related = absent.Where(k => _groups.Any(g => g.Key.Group == k.Group)).ToArray();
        foreach (var group in _groups)
        {
            Presence(group.Key, true);
            Presence(_random.Next(2) == 0 && related.Length > 0 ? Pick(related) : Pick(absent), false);
        }

        var hasWord = scene.Word is not null;
        if (_random.Next(5) == 0)
        {
            Ask("presence", Pick("Is there a word in the picture?", "Is there text in the image?"), hasWord ? "Yes" : "No",
                hasWord ? "Yes, there is a word in the picture." : "No, there is no word in the picture.");
        }

        void Presence(Kind kind, bool present)
        {
            var a = A(kind.Name);
            var question = Pick(
                $"Is there {a} in the image?", $"Is there {a} in the picture?", $"Is there {a}?",
                $"Can you see {a} in the picture?", $"Does the picture show {a}?");
            Ask("presence", question, present ? "Yes" : "No",
                present ? $"Yes, there is {a} in the picture." : $"No, there is no {kind.Name} in the picture.");
        }
    }

    private void AskCounts()
    {
        foreach (var group in _groups)
        {
            var (count, kind) = (group.Count(), group.Key);
            if (count > 4)
            {
                continue;
            }

            var question = Pick(
                $"How many {kind.Plural} are there?", $"How many {kind.Plural} are in the picture?",
                $"How many {kind.Plural} can you see?", $"How many {kind.Plural} are in the image?");
            Ask("count", question, $"{count}",
                count == 1 ? $"There is one {kind.Name} in the picture." : $"There are {NumberWords[count]} {kind.Plural} in the picture.");
        }
    }

    private void AskPositions()
    {
        foreach (var group in _groups.Where(g => g.Count() == 1))
        {
            var name = group.Key.Name;
            var x = group.First().Box.CenterX / Scene.Size;
            var y = group.First().Box.CenterY / Scene.Size;
            var side = Side(x, "left", "right");
            var level = Side(y, "top", "bottom");
            if (side is not null && level is not null)
            {
                Ask("position", Pick($"Where is the {name}?", $"Where in the picture is the {name}?"), $"{level} {side}",
                    $"The {name} is at the {level} {side} of the picture.");
            }
            else if (Math.Abs(x - 0.5f) < 0.1f && Math.Abs(y - 0.5f) < 0.1f)
            {
                Ask("position", Pick($"Where is the {name}?", $"Where in the picture is the {name}?"), "center",
                    $"The {name} is in the center of the picture.");
            }

            if (side is not null)
            {
                Ask("position", $"Is the {name} on the left or on the right?", side, $"The {name} is on the {side}.");
            }

            if (level is not null)
            {
                Ask("position", $"Is the {name} at the top or at the bottom?", level, $"The {name} is at the {level}.");
            }
        }

        static string? Side(float at, string low, string high) => at < 0.42f ? low : at > 0.58f ? high : null;
    }

    private void AskColors()
    {
        foreach (var group in _groups.Where(g => g.Key.IsShape))
        {
            var color = Vocabulary.Colors[group.First().Color].Name;
            var one = group.Count() == 1;
            var (noun, verb) = one ? (group.Key.Name, "is") : (group.Key.Plural, "are");
            Ask("color", Pick($"What color {verb} the {noun}?", $"Which color {(one ? "does" : "do")} the {noun} have?"), color,
                $"The {noun} {verb} {color}.");
        }
    }

    private void AskWord()
    {
        if (scene.Word is not { } word)
        {
            return;
        }

        Ask("word", Pick("What word is written in the picture?", "What does the text say?", "Read the word in the image.",
            "Which word is in the picture?"), word.Text, $"The word is {word.Text}.");
    }

    private void AskNames()
    {
        if (_groups.Count == 1)
        {
            var (name, copies) = (_groups[0].Key.Name, _groups[0].Count());
            var question = Pick("What is in the picture?", "What object is in the picture?", "What is shown in the image?", "What is this?");
            _questions.Add(new Question("naming", question, name, true));
            if (copies == 1 && scene.Word is null)
            {
                _questions.Add(new Question("naming", Pick("What is this?", "What object is in the picture?"), $"This is {Name(_groups[0])}.", false));
            }
        }
        else
        {
            _questions.Add(new Question(
                "listing", Pick("What objects are in the picture?", "What is in the picture?", "Which things can you see?"),
                string.Join(", ", _groups.Select(g => g.Key.Name)), true));
        }
    }

    private void AskDescription()
    {
        _questions.Add(new Question(
            "description",
            Pick("What is in the picture?", "What can you see in the picture?", "What does the image show?", "What is in the image?"),
            $"The picture shows {List()}.", false));
        var style = scene.Style.ToString().ToLowerInvariant();
        _questions.Add(new Question(
            "description",
            Pick("Describe the picture.", "Describe the image.", "Describe the picture in one sentence.", "Describe this image in one sentence."),
            $"The picture shows {List()} on {A(style)} background.", false));
    }
}
