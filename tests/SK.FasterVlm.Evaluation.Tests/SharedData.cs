namespace SK.FasterVlm.Evaluation.Tests;

/// <summary>Data too large for the repository, in a folder <c>shared/data</c> beside it or above.</summary>
static class SharedData
{
    /// <summary>Full path, or the test is skipped with the reason.</summary>
    internal static string Require(string relative)
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string path = Path.Combine(at.FullName, "shared", "data", relative);
            if (Path.Exists(path)) return path;
        }
        Assert.Skip($"shared/data/{relative} is not here; it is too large for the repository.");
        return "";
    }
}
