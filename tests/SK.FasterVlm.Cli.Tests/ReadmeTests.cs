using System.Text.RegularExpressions;

namespace SK.FasterVlm.Cli.Tests;

/// <summary>What the README quotes of the shipped model is what the model says.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public async Task The_first_command_answers_as_quoted()
    {
        Match command = FirstCommand().Match(await File.ReadAllTextAsync(EmbeddedModel.Readme, TestContext.Current.CancellationToken));
        Assert.True(command.Success);
        (string picture, string question) = (Path.Combine(EmbeddedModel.Root, command.Groups["picture"].Value), command.Groups["question"].Value);

        Assert.Equal(Sentence((await QuotesAsync())[0].All), await AnswerAsync(picture, question));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task The_five_pictures_get_the_quoted_answers(int picture)
    {
        (string all, string quarter) = (await QuotesAsync())[picture - 1];
        string path = EmbeddedModel.At("demo", $"demo-{picture}.jpg");

        Assert.Equal(Sentence(all), await AnswerAsync(path, "What is in the picture?"));
        Assert.Equal(Sentence(quarter == "the same" ? all : quarter), await AnswerAsync(path, "What is in the picture?", "--keep", "25%"));
    }

    static async Task<string> AnswerAsync(string picture, string question, params string[] options)
    {
        CliRun run = await CliRun.InProcessAsync(["describe", picture, question, "-t", "1", .. options]);
        Assert.True(run.ExitCode == 0, run.Error);
        return run.Output.Trim();
    }

    static string Sentence(string things) => $"The picture shows {things}.";

    // The table's rows; what stands in brackets is our remark.
    static async Task<List<(string All, string Quarter)>> QuotesAsync()
    {
        string readme = await File.ReadAllTextAsync(EmbeddedModel.Readme, TestContext.Current.CancellationToken);
        return [.. Row().Matches(readme).Select(static m => (Remark().Replace(m.Groups[1].Value, "").Trim(), Remark().Replace(m.Groups[2].Value, "").Trim()))];
    }

    [GeneratedRegex(@"-- describe (?<picture>\S+) ""(?<question>[^""]+)""")]
    private static partial Regex FirstCommand();

    [GeneratedRegex(@"^\| !\[\]\(docs/images/heatmap-\d\.png\) \|([^|]*)\|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\([^)]*\)")]
    private static partial Regex Remark();
}
