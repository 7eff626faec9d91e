using System.Text.RegularExpressions;

namespace SK.FasterVlm.Samples.Tests;

/// <summary>The samples run as the README shows them, and do what they say. What the small model answers is its own affair.</summary>
public sealed partial class SampleTests
{
    static readonly string[] Samples =
        [.. Directory.GetDirectories(Path.Combine(SampleRun.Root, "samples")).Where(static d => Directory.GetFiles(d, "*.csproj").Length > 0).Select(static d => Path.GetFileName(d)!).Order()];

    /// <summary>The commands of the README's section on samples: name and arguments.</summary>
    public static TheoryData<string, string[]> Commands
    {
        get
        {
            TheoryData<string, string[]> data = [];
            foreach (Match command in CommandLine().Matches(File.ReadAllText(Path.Combine(SampleRun.Root, "README.md"))))
            {
                string[] args = [.. Argument().Matches(command.Groups["args"].Value).Select(static a => a.Value.Trim('"'))];
                data.Add(command.Groups["name"].Value, args);
            }
            return data;
        }
    }

    [Fact]
    public void Every_sample_is_in_the_readme() =>
        Assert.Equal(Samples, Commands.Select(static c => c.Data.Item1).Distinct().Order());

    [Fact]
    public void Every_program_is_short() => Assert.All(Samples, static s =>
        Assert.InRange(File.ReadLines(Path.Combine(SampleRun.Root, "samples", s, "Program.cs")).Count(), 1, 59));

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task A_command_of_the_readme_works(string sample, string[] args)
    {
        SampleRun run = await SampleRun.StartAsync(sample, args);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.NotEmpty(run.Lines);
    }

    [Fact]
    public async Task The_eyes_see_what_the_blind_model_asks_for()
    {
        SampleRun run = await SampleRun.StartAsync("EyesForAnotherModel", "samples/invoices", "invoice-1.png");
        Assert.Contains(run.Lines, static l => l.StartsWith("assistant: vision.read_text", StringComparison.Ordinal));
        Assert.Matches("""^My eyes say: \{"ok":true,"untrusted_text":"[^"]+","note":""", run.Lines[^1]);
        SampleRun outside = await SampleRun.StartAsync("EyesForAnotherModel", "samples/invoices", "../../models/tiny-llava/demo/demo-1.jpg");
        Assert.Contains("image_not_allowed", outside.Lines[^1]);
    }

    [Fact]
    public async Task The_second_request_comes_from_the_cache()
    {
        SampleRun run = await SampleRun.StartAsync("StandardDecorators", "models/tiny-llava/demo/demo-1.jpg");
        Assert.Single(run.Lines, static l => l.StartsWith("span: chat tiny-llava", StringComparison.Ordinal));
        string asked = run.Lines.Single(static l => l.StartsWith("asked: ", StringComparison.Ordinal));
        Assert.Equal(asked["asked: ".Length..], run.Lines.Single(static l => l.StartsWith("from the cache: ", StringComparison.Ordinal))["from the cache: ".Length..]);
        Assert.Contains(run.Lines, static l => l.Contains("GetResponseAsync completed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_invoice_is_looked_at_extracted_and_booked()
    {
        SampleRun run = await SampleRun.StartAsync("InvoiceAgent", "samples/invoices");
        Assert.True(run.ExitCode == 0, run.Error);
        foreach (string invoice in new[] { "invoice-1.png", "invoice-2.png", "invoice-3.png" })
        {
            Assert.Contains(run.Lines, l => Regex.IsMatch(l, $$"""^{{Regex.Escape(invoice)}}: looked: .+; extracted: \{\s*"total":\s*-?[0-9]"""));
            Assert.Contains(run.Lines, l => l.StartsWith($"{invoice}: answered: ", StringComparison.Ordinal));
        }
        string[] booked = [.. run.Lines.Where(static l => l.StartsWith("book_payment(", StringComparison.Ordinal))];
        Assert.Equal(3, booked.Length);
        Assert.All(booked, static l => Assert.Matches(@"^book_payment\((Cafe|Taxi|Zoo), -?[0-9.]+\)$", l));
    }

    [GeneratedRegex(@"^dotnet run --project samples/(?<name>\w+) -- (?<args>.+)$", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Argument();
}
