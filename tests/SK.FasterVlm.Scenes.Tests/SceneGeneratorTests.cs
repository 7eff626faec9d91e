using System.Text.Json;

namespace SK.FasterVlm.Scenes.Tests;

/// <summary>What the shipped model's scores rest on: training and held-out scenes never meet, and seeds mean the same scenes always.</summary>
public sealed class SceneGeneratorTests
{
    [Fact]
    public void Every_seed_and_index_has_a_number_of_its_own()
    {
        // Numbers of one seed end where the next begins, so that training's and the held-out ones cannot overlap either.
        for (int seed = 1; seed < SceneSeeds.Last; seed++)
            Assert.True(SceneSeeds.Of(seed, SceneSeeds.ScenesPerSeed - 1) < SceneSeeds.Of(seed + 1, 0));
        Assert.True(SceneSeeds.Of(SceneSeeds.Last, SceneSeeds.ScenesPerSeed - 1) > 0);
        Assert.False(SceneSeeds.IsHeldOut(SceneSeeds.FirstHeldOut - 1));
        Assert.True(SceneSeeds.IsHeldOut(SceneSeeds.FirstHeldOut));
    }

    [Theory]
    [InlineData(1, "training", true)]
    [InlineData(1, "any", false)]
    [InlineData(1, "heldout", false)]
    [InlineData(899, "mixed", false)]
    [InlineData(900, "training", true)]
    [InlineData(900, "heldout", true)]
    public void Only_held_out_seeds_may_show_held_out_combinations(int seed, string rule, bool allowed) =>
        Assert.Equal(allowed, SceneSeeds.Allows(seed, rule));

    [Fact]
    public void Training_scenes_show_no_held_out_combination_and_the_mixed_rule_one_in_three()
    {
        Assert.All(Enumerable.Range(0, 1000), static i => Assert.False(Draw(7, i).HasHeldOutCombination));
        Assert.All(Enumerable.Range(0, 300), static i => Assert.Equal(i % 3 == 2, Draw(911, i).HasHeldOutCombination));
    }

    [Fact]
    public void Every_kind_is_seen_in_training_and_held_out_on_some_ground()
    {
        BackgroundStyle[] grounds = Enum.GetValues<BackgroundStyle>();
        int heldOut = Vocabulary.Kinds.Sum(kind => grounds.Count(ground => Vocabulary.IsHeldOut(kind, ground)));
        Assert.InRange((double)heldOut / (Vocabulary.Kinds.Length * grounds.Length), 1 / 14.0, 1 / 10.0);
        Assert.All(Vocabulary.Kinds, kind => Assert.Contains(grounds, ground => !Vocabulary.IsHeldOut(kind, ground)));
    }

    [Fact]
    public void The_same_seed_draws_the_same_scene_and_another_a_different_one()
    {
        Assert.Equal(Facts(Draw(950, 3)), Facts(Draw(950, 3)));
        Assert.NotEqual(Facts(Draw(950, 3)), Facts(Draw(950, 4)));
        Assert.NotEqual(Facts(Draw(950, 3)), Facts(Draw(1, 3)));
    }

    [Fact]
    public void The_shipped_questions_are_those_of_their_seed()
    {
        Assert.SkipUnless(Vocabulary.FontFiles.All(static f => File.Exists($"/usr/share/fonts/truetype/dejavu/{f}")),
            "The fonts of Debian's fonts-dejavu-core and fonts-dejavu-extra are not installed; words would be placed otherwise.");
        var fonts = new SceneFonts();
        string[] lines = File.ReadAllLines(Path.Combine(Root(), "models", "tiny-llava", "eval", "labels.jsonl"));
        var written = Enumerable.Range(0, 300)
            .Select(i => SceneGenerator.Generate(SceneSeeds.Of(911, i), SceneSeeds.Rule("mixed", i), fonts.Width))
            .SelectMany(static scene => HeldOutSetWriter.Select(scene).Select(q => $"{scene.Seed}.webp|{q.Category}|{q.Prompt}|{q.Answer}")).ToArray();

        Assert.Equal(2175, lines.Length);
        Assert.Equal(written, lines.Select(static line =>
        {
            JsonElement e = JsonDocument.Parse(line).RootElement;
            return string.Join('|', new[] { "image", "category", "text", "label" }.Select(name => e.GetProperty(name).GetString()));
        }));
    }

    // Without fonts: a letter is about as wide as it is high.
    static Scene Draw(int seed, int index) =>
        SceneGenerator.Generate(SceneSeeds.Of(seed, index), SceneSeeds.Rule(SceneSeeds.DefaultRule(seed), index), static (_, text) => text.Length);

    static string Facts(Scene scene) =>
        $"{scene.Content} {scene.Style} {scene.Word} {string.Join(';', scene.Objects.Select(static o => $"{o.Kind.Name} {o.Color} {o.Box} {o.Angle}"))}";

    static string Root()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "SK.FasterVlm.sln"))) return at.FullName;
        throw new InvalidOperationException("These tests run inside a checkout.");
    }
}
