using SK.FasterVlm.Evaluation.Reporting;

namespace SK.FasterVlm.Evaluation.Tests.Reporting;

/// <summary>The README and the model's card show what the stored report holds: tables are copied from it, not typed.</summary>
public sealed class DocumentedTablesTests
{
    [Fact]
    public async Task Readme_Table_IsTheReports() =>
        Assert.Contains(CompactTable.Render(At("docs", "eval", "report.json")), await Text("README.md"), StringComparison.Ordinal);

    [Fact]
    public async Task Card_Categories_AreTheReports()
    {
        string report = await Text("docs", "eval", "report.md"), card = await Text("models", "tiny-llava", "README.md");
        string[] rows = [.. report[report.IndexOf("## By category", StringComparison.Ordinal)..].Split('\n').Skip(2).TakeWhile(static l => l.StartsWith('|'))];

        Assert.True(rows.Length > 8);
        Assert.Contains(string.Join('\n', rows), card, StringComparison.Ordinal);
    }

    static Task<string> Text(params string[] names) => File.ReadAllTextAsync(At(names), TestContext.Current.CancellationToken);

    static string At(params string[] names)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "SK.FasterVlm.sln"))) return Path.Combine([at.FullName, .. names]);
        throw new InvalidOperationException("These tests run inside a checkout.");
    }
}
