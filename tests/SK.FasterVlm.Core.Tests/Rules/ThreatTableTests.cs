using System.Text.RegularExpressions;

namespace SK.FasterVlm.Tests.Rules;

/// <summary>docs/threats.md and the tests say the same: what a row names is there, and what is there is named.</summary>
public sealed partial class ThreatTableTests
{
    static readonly string s_root = FindRoot();

    /// <summary>The rows there are: letter and last number.</summary>
    static readonly (char Letter, int Last)[] s_rows = [('F', 10), ('I', 8), ('U', 8), ('H', 8), ('P', 6), ('L', 11), ('D', 5)];

    [Fact]
    public void Every_row_stands_there_once_and_is_tested_or_says_why_not()
    {
        Assert.Equal(
            s_rows.SelectMany(static r => Enumerable.Range(1, r.Last).Select(n => $"{r.Letter}{n}")),
            Rows().Select(static r => r.Number));
        Assert.All(Rows(), static r => Assert.True(r.Classes.Length > 0 || r.NotCovered.Length > 0, $"{r.Number} is not tested and does not say why"));
    }

    [Fact]
    public void A_row_names_the_classes_whose_tests_begin_with_its_number()
    {
        // One name may stand for a class of several test projects.
        Dictionary<string, string[]> named = Rows().ToDictionary(static r => r.Number, static r => r.Classes.Order(StringComparer.Ordinal).ToArray());
        Dictionary<string, string[]> there = Tests().GroupBy(static t => t.Row).ToDictionary(static g => g.Key, static g => g.Select(static t => t.Class).Distinct().Order(StringComparer.Ordinal).ToArray());
        foreach (string row in named.Keys.Union(there.Keys))
        {
            string[] promised = named.GetValueOrDefault(row, []), found = there.GetValueOrDefault(row, []);
            Assert.True(promised.SequenceEqual(found), $"{row}: docs/threats.md names [{string.Join(", ", promised)}], its tests are in [{string.Join(", ", found)}]");
        }
    }

    static IEnumerable<(string Number, string[] Classes, string NotCovered)> Rows() =>
        File.ReadLines(Path.Combine(s_root, "docs", "threats.md"))
            .Select(static line => Row().Match(line))
            .Where(static m => m.Success)
            .Select(static m => (m.Groups[1].Value, Code().Matches(m.Groups[2].Value).Select(static c => c.Groups[1].Value).ToArray(), m.Groups[3].Value.Trim()));

    /// <summary>Rows and the classes (files bear their names) of tests that begin with them, or that bear a row in their own name.</summary>
    static IEnumerable<(string Row, string Class)> Tests()
    {
        foreach (string path in Directory.EnumerateFiles(Path.Combine(s_root, "tests"), "*.cs", SearchOption.AllDirectories))
        {
            string at = path.Replace('\\', '/'), name = Path.GetFileNameWithoutExtension(path);
            if (at.Contains("/obj/", StringComparison.Ordinal) || at.Contains("/bin/", StringComparison.Ordinal)) continue;
            IEnumerable<string> begins = TestMethod().Matches(File.ReadAllText(path)).Select(static m => m.Groups[1].Value).Append(ClassRow().Match(name).Value);
            foreach (string row in begins.SelectMany(static b => b.Split('_', StringSplitOptions.RemoveEmptyEntries)).Distinct()) yield return (row, name);
        }
    }

    static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    [GeneratedRegex(@"^\| ([A-Z]\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$")]
    private static partial Regex Row();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"public (?:async )?(?:void|Task) ((?:[FIUHPLD]\d+_)+)")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"^(?:[FIUHPLD]\d+_)+")]
    private static partial Regex ClassRow();
}
