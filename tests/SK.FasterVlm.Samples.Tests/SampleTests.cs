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
    public async Task A_chat_has_several_turns_from_the_command_or_the_console()
    {
        const string Image = "models/tiny-llava/demo/demo-1.jpg", First = "What is in the picture?", Second = "What colour is it?";
        SampleRun command = await SampleRun.StartAsync("ChatAboutAnImage", Image, First, Second);
        Assert.True(command.ExitCode == 0, command.Error);
        Assert.Equal([$"> {First}", $"> {Second}"], command.Lines.Where(static l => l.StartsWith('>')));
        Assert.Equal(4, command.Lines.Length); // an answer to each
        SampleRun console = await SampleRun.TypeAsync($"{First}\n{Second}\n\nnever asked\n", "ChatAboutAnImage", Image);
        Assert.Equal(command.Lines, console.Lines);
    }

    [Fact]
    public async Task Every_invoice_is_looked_at_and_extracted_and_what_was_extracted_is_booked()
    {
        SampleRun run = await SampleRun.StartAsync("InvoiceAgent", "samples/invoices");
        Assert.True(run.ExitCode == 0, run.Error);
        string[] invoices = run.Output.Split(".png:")[1..];
        Assert.Equal(3, invoices.Length);
        foreach (string invoice in invoices)
        {
            Assert.StartsWith("  answered: ", invoice.TrimStart('\r', '\n'), StringComparison.Ordinal); // what it saw
            Match extracted = Regex.Match(invoice, @"^  extract\((?<payee>Cafe|Taxi|Zoo), (?<total>-?[0-9.]+)\)", RegexOptions.Multiline);
            Assert.True(extracted.Success, invoice);
            // The model says under what it is booked; whom and how much was extracted before.
            Match booked = Regex.Match(invoice, @"^  book_payment\((Food|Travel|Leisure)\): (?<total>-?[0-9.]+) to (?<payee>\w+)", RegexOptions.Multiline);
            Assert.True(booked.Success && booked.Index > extracted.Index, invoice);
            Assert.Equal((extracted.Groups["payee"].Value, extracted.Groups["total"].Value), (booked.Groups["payee"].Value, booked.Groups["total"].Value));
        }
    }

    [GeneratedRegex(@"^dotnet run --project samples/(?<name>\w+) -- (?<args>.+)$", RegexOptions.Multiline)]
    private static partial Regex CommandLine();

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Argument();
}
