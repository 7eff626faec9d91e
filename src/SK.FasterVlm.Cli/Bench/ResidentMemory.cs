using System.Diagnostics;
using System.Globalization;

namespace SK.FasterVlm.Cli.Bench;

/// <summary>Peak resident memory of this process.</summary>
internal static class ResidentMemory
{
    /// <summary>The peak since the process began, or since <see cref="TryResetPeak"/>.</summary>
    public static long PeakBytes()
    {
        if (OperatingSystem.IsLinux())
        {
            foreach (string line in File.ReadLines("/proc/self/status"))
            {
                // "VmHWM:	  123456 kB"
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(6).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture) * 1024;
            }
        }

        using Process self = Process.GetCurrentProcess();
        return self.PeakWorkingSet64;
    }

    /// <summary>Starts a new peak at what is resident now; Linux only.</summary>
    public static bool TryResetPeak()
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false; // some containers forbid it: the peak is then that of the whole process so far
        }
    }
}
