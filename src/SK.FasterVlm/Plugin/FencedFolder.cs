namespace SK.FasterVlm;

/// <summary>
/// A folder that names cannot lead out of. A path is followed link by link before it is opened and, where the system tells, looked at
/// again once it is open, so that a link put there in between is noticed.
/// </summary>
sealed class FencedFolder
{
    const int MostLinks = 40;

    readonly string _given, _real;

    /// <param name="root">The folder; must exist.</param>
    public FencedFolder(string root)
    {
        _given = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        _real = Path.TrimEndingDirectorySeparator(Real(_given, 0));
    }

    /// <summary>Opens a file below the folder, for reading.</summary>
    /// <param name="path">Relative to the folder, or absolute below it.</param>
    /// <returns>Null when there is no such file.</returns>
    /// <exception cref="UnauthorizedAccessException">The path leads out of the folder.</exception>
    public FileStream? Open(string path)
    {
        string real;
        try
        {
            string full = Path.GetFullPath(path, _real);
            // Before anything is touched: on some systems even a look at a path makes a connection.
            if (!Holds(_real, full) && !Holds(_given, full)) throw new UnauthorizedAccessException();
            real = Real(full, 0);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException or IOException)
        {
            return null; // no path at all, or links in a circle
        }
        if (!Holds(_real, real)) throw new UnauthorizedAccessException();
        // Pipes and devices have no length, and opening one could wait for ever.
        FileInfo file = new(real);
        if (!file.Exists || file.Length == 0) return null;

        FileStream stream = new(real, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.Asynchronous | FileOptions.SequentialScan);
        if (IsInside(stream)) return stream;
        stream.Dispose();
        throw new UnauthorizedAccessException();
    }

    bool IsInside(FileStream stream)
    {
        if (!OperatingSystem.IsLinux()) return true;
        string? opened = File.ResolveLinkTarget($"/proc/self/fd/{stream.SafeFileHandle.DangerousGetHandle()}", returnFinalTarget: false)?.FullName;
        return opened is null || Holds(_real, opened);
    }

    static bool Holds(string folder, string path) =>
        path.Length > folder.Length + 1 && path.StartsWith(folder, StringComparison.Ordinal)
        && (path[folder.Length] == Path.DirectorySeparatorChar || Path.EndsInDirectorySeparator(folder));

    /// <summary>The path with every link in it followed.</summary>
    static string Real(string path, int links)
    {
        if (links > MostLinks) throw new IOException("Too many links.");
        string current = Path.GetPathRoot(path)!;
        foreach (string part in path[current.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(current, part);
            current = new FileInfo(next).LinkTarget is { } target ? Real(Path.GetFullPath(target, current), links + 1) : next;
        }
        return current;
    }
}
