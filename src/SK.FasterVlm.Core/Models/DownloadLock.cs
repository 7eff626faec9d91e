namespace SK.FasterVlm.Models;

/// <summary>
/// One download of a model at a time, across processes: an exclusively opened file, which the operating system releases when its
/// holder dies, however it dies. The lock files stay: removing one would let two processes hold "the" lock.
/// </summary>
sealed class DownloadLock : IDisposable
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);
    readonly FileStream _file;

    DownloadLock(FileStream file) => _file = file;

    /// <summary>Waits for the lock.</summary>
    /// <param name="path">The lock file.</param>
    /// <param name="time">Clock of the wait.</param>
    /// <param name="waiting">Called once, when another holds the lock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal static async Task<DownloadLock> AcquireAsync(string path, TimeProvider time, Action waiting, CancellationToken cancellationToken)
    {
        for (bool told = false; ;)
        {
            if (TryAcquire(path) is { } acquired) return acquired;
            if (!told) waiting();
            told = true;
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the lock, or gives null when another holds it.</summary>
    internal static DownloadLock? TryAcquire(string path)
    {
        try
        {
            return new DownloadLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
    }

    public void Dispose() => _file.Dispose();

    // EWOULDBLOCK on Linux and macOS, ERROR_SHARING_VIOLATION on Windows.
    static bool IsHeld(IOException e) =>
        e is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException)
        && (OperatingSystem.IsWindows() ? (e.HResult & 0xFFFF) == 32 : e.HResult is 11 or 35);
}
