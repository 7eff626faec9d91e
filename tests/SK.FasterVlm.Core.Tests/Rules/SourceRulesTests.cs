using System.Text.RegularExpressions;

namespace SK.FasterVlm.Tests.Rules;

/// <summary>Rules of CONTRIBUTING.md that a reader would otherwise have to police.</summary>
public sealed partial class SourceRulesTests
{
    static readonly string Root = FindRoot();

    [Fact]
    public void Native_functions_are_declared_in_the_native_folder_only() =>
        AssertNone(Sources("src"), path => !path.Contains("/Native/", StringComparison.Ordinal), NativeImport());

    [Fact]
    public void Libraries_do_not_write_to_the_console() =>
        AssertNone(Sources("src"), path => !path.Contains("/SK.FasterVlm.Cli/", StringComparison.Ordinal), ConsoleUse());

    [Fact]
    public void Nothing_blocks_on_a_task() => AssertNone(Sources("src"), static _ => true, BlockingWait());

    [Fact]
    public void Nothing_is_left_unimplemented() => AssertNone(Sources("src"), static _ => true, Unfinished());

    [Fact]
    public void Files_hold_one_thing_and_stay_below_400_lines()
    {
        IEnumerable<string> tooLong = Sources("src").Concat(Sources("tests")).Concat(Sources("models"))
            .Select(static path => (path, lines: File.ReadLines(path).Count()))
            .Where(static file => file.lines > 400)
            .Select(static file => $"{Path.GetRelativePath(Root, file.path)}: {file.lines} lines");
        Assert.Empty(tooLong);
    }

    static void AssertNone(IEnumerable<string> files, Func<string, bool> applies, Regex forbidden)
    {
        List<string> hits = [];
        foreach (string file in files.Where(applies))
        {
            int number = 0;
            foreach (string line in File.ReadLines(file))
            {
                number++;
                if (forbidden.IsMatch(line)) hits.Add($"{Path.GetRelativePath(Root, file)}:{number}: {line.Trim()}");
            }
        }

        Assert.Empty(hits);
    }

    static IEnumerable<string> Sources(string folder) => Directory
        .EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Select(static path => path.Replace('\\', '/'))
        .Where(static path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal));

    static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SK.FasterVlm.sln"))) return folder.FullName;
        throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    [GeneratedRegex(@"\[(LibraryImport|DllImport)\b")]
    private static partial Regex NativeImport();

    [GeneratedRegex(@"(?<![.\w])Console\.(Write|Out|Error|Read)")]
    private static partial Regex ConsoleUse();

    // A result.Result or outcome.Result is what a function returned, not a task's.
    [GeneratedRegex(@"\.GetAwaiter\(\)\.GetResult\(\)|(?<!\bresult|\boutcomes\[i\])\.Result\s*[;,)]|\.Wait\(\)")]
    private static partial Regex BlockingWait();

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b")]
    private static partial Regex Unfinished();
}
